//! Calls to peers: their kinds, errors and repetition (federation §12.3).

use std::time::Duration;

use bytes::Bytes;
use less_sync_core::cbor::Encode;

/// Timeout of a forwarded call (federation PM-7).
pub(super) const TIMEOUT: Duration = Duration::from_secs(20);

/// Feature of the methods that original servers do not offer (federation §9.1).
pub(super) const FORWARD: &str = "rpc.forward";

/// Repetition of a call whose link was lost (federation PM-8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// Request without effect at the peer, or with the same effect when repeated.
    Always,
    /// Mutation that carries an idempotency key, to a peer that reads it.
    Keyed,
    /// Any other: repeated only while it was certainly not sent.
    Unsent,
}

/// Call to a peer.
#[derive(Clone, Debug)]
pub struct OutboundCall {
    /// Method.
    pub method: &'static str,
    /// Encoded params: one CBOR map.
    pub params: Bytes,
    /// Timeout of one attempt.
    pub timeout: Duration,
    /// Repetition after the loss of the link.
    pub repeat: Repeat,
    /// Feature that the peer must have announced.
    pub feature: Option<&'static str>,
}

/// Encoded item, written as it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct RawItem<'b>(pub(super) &'b [u8]);

impl Encode for RawItem<'_> {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.0);
    }

    fn size_hint(&self) -> usize {
        self.0.len()
    }
}

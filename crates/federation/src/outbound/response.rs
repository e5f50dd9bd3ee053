//! Response of a peer to a call.

use bytes::Bytes;

/// Error response of a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rejected {
    pub(super) code: String,
    pub(super) message: String,
}

/// Response of a peer: the undecoded result, or its error.
pub(super) type Response = Result<Bytes, Rejected>;

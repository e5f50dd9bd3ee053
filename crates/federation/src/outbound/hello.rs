//! Capability handshake `fed.hello` at the dialer (federation §8.3).

use bytes::Bytes;
use less_sync_core::cbor::{Decode as _, Encode as _};
use less_sync_core::wire::federation::{FED_HELLO, FedHello, feature};
use less_sync_core::{PeerId, Timestamp};

use super::call::{OutboundCall, Repeat};
use super::link::Attempt;
use super::terms::{Native, Terms};
use super::timing::OutboundTiming;
use crate::trust::{Peer, Profile};

/// Version of the handshake.
const VERSION: i64 = 1;

/// Difference of clocks that is logged, in seconds.
const CLOCK_SKEW: u64 = 120;

/// Features of this server as a dialer, whatever its settings are.
const FEATURES: [&str; 4] =
    [feature::FORWARDED_CALLS, feature::IDEMPOTENCY, feature::CANCEL, feature::EPOCH_KEYS];

/// Features of this server as a dialer.
pub(super) fn features(has_presence: bool) -> Vec<&'static str> {
    FEATURES.into_iter().chain(has_presence.then_some(feature::PRESENCE)).collect()
}

/// Outcome of the handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Handshake {
    /// Terms are agreed; concurrent requests that the peer processes.
    Agreed {
        /// Bound of the peer; `None` for an original one.
        max_inflight: Option<usize>,
    },
    /// The peer names another server than was dialled.
    OtherServer,
    /// A peer of profile native that rejects the handshake.
    Rejected,
    /// No response.
    Failed,
}

/// Request of the handshake.
pub(super) fn request(
    own: &str,
    features: &[&'static str],
    now: Timestamp,
    timing: &OutboundTiming,
) -> OutboundCall {
    let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
    let hello = FedHello {
        v: VERSION,
        server: own,
        features: features.to_vec(),
        max_frame: count(timing.max_message),
        max_inflight: count(timing.in_flight),
        time: now.seconds(),
        link: None,
    };
    let mut params = Vec::new();
    hello.encode(&mut params);
    OutboundCall {
        method: FED_HELLO,
        params: Bytes::from(params),
        timeout: timing.hello,
        repeat: Repeat::Unsent,
        feature: None,
    }
}

/// Reads the response of the handshake, and sets the terms of the link.
pub(super) fn conclude(
    attempt: Attempt,
    terms: &Terms,
    (peer, offered): (&Peer, &[&'static str]),
    now: Timestamp,
    timing: &OutboundTiming,
) -> Handshake {
    let original = || match peer.profile {
        Profile::Native => Handshake::Rejected,
        Profile::Auto | Profile::Original => Handshake::Agreed { max_inflight: None },
    };
    let result = match attempt {
        Attempt::Response(Ok(result)) => result,
        Attempt::Response(Err(_)) => return original(),
        Attempt::TimedOut | Attempt::Busy | Attempt::TooLarge | Attempt::Lost { .. } => {
            return Handshake::Failed;
        }
    };
    let Ok(hello) = FedHello::decode(&result) else { return original() };
    let named = hello.server.parse::<PeerId>();
    let is_peer = named.is_ok_and(|named| named == *peer.id() || peer.aliases.contains(&named));
    if !is_peer {
        return Handshake::OtherServer;
    }
    let skew = hello.time.abs_diff(now.seconds());
    if hello.time != 0 && skew > CLOCK_SKEW {
        // Event name of federation §18.4.
        tracing::warn!(peer = %peer.id(), skew_seconds = skew, "federation.clock_skew");
    }
    let features = hello.features.iter().filter(|feature| offered.contains(feature));
    terms.agree(Native {
        features: features.map(|feature| (*feature).to_owned()).collect(),
        max_frame: usize::try_from(hello.max_frame).unwrap_or(timing.max_sent),
    });
    Handshake::Agreed { max_inflight: usize::try_from(hello.max_inflight).ok() }
}

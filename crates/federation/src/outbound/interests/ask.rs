//! Subscriptions to be requested of a home, in their wire form, and the answers (federation §9.2).

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use less_sync_core::cbor::{Decode as _, Encode as _};
use less_sync_core::wire::subscribe::{Peer, SpaceState, SubscribeEntry, SubscribeParams, SubscribeResult};
use less_sync_core::{Cursor, SpaceId, Timestamp, limits};
use less_sync_engine::ports::PeerName;
use less_sync_engine::{HomeError, HomePosition};

use super::interest::{Accepted, Credential, Presented};

/// Total size of the credentials in one request, in bytes, beyond which another one follows: any home takes twice as much.
const REQUEST: usize = 2 * limits::MIB;

/// Lifetime of a token that does not show its end.
const UNKNOWN_LIFETIME: Duration = Duration::from_hours(1);

/// Maximum peers of a space, inclusive.
const PEERS: usize = 100;

/// Position of the expiry in a subscribe token (federation §10.1).
const EXPIRY: std::ops::Range<usize> = 65..73;

/// Subscription to be requested.
pub(super) struct Ask {
    pub(super) space: SpaceId,
    pub(super) since: Cursor,
    /// Cursor that was delivered, below which the home must not be.
    pub(super) floor: Option<Cursor>,
    pub(super) presented: Presented,
}

/// Answer to an [`Ask`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// The home has accepted.
    Accepted(HomePosition),
    /// The home has rejected the space.
    Rejected {
        /// Error code as text.
        code: String,
        /// Description for humans.
        message: String,
    },
    /// No answer.
    Failed(HomeError),
}

/// Entry of a result.
pub(super) enum Outcome {
    Accepted(Accepted),
    Rejected(String),
}

/// Number of subscriptions that go into one request.
pub(super) fn batch(asks: &[Ask]) -> usize {
    let mut bytes = 0_usize;
    let fits = |ask: &&Ask| {
        let (Presented::Token(text) | Presented::Ucan(text)) = &ask.presented;
        bytes = bytes.saturating_add(text.len());
        bytes <= REQUEST
    };
    asks.iter().take(limits::SPACES).take_while(fits).count().max(1)
}

/// Encoded params of a request. `has_presence`: the peers at the home are to be listed.
pub(super) fn params(asks: &[Ask], has_presence: bool) -> Bytes {
    let ids: Vec<String> = asks.iter().map(|ask| ask.space.to_string()).collect();
    let entry = |(ask, id): (&_, &'_ String)| {
        let ask: &Ask = ask;
        let (ucan, token) = match &ask.presented {
            Presented::Token(token) => (None, Some(Arc::clone(token))),
            Presented::Ucan(ucan) => (Some(Arc::clone(ucan)), None),
        };
        (id.clone(), ask.since.get(), ucan, token)
    };
    let owned: Vec<_> = asks.iter().zip(&ids).map(entry).collect();
    let entries = owned.iter().map(|(id, since, ucan, token)| SubscribeEntry {
        id,
        since: *since,
        ucan: ucan.as_deref(),
        token: token.as_deref(),
        presence: has_presence,
        catchup: false,
        home_server: None,
    });
    let params = SubscribeParams { spaces: entries.collect() };
    let mut encoded = Vec::with_capacity(params.size_hint());
    params.encode(&mut encoded);
    encoded.into()
}

/// Outcomes of a result by space; `None` if it cannot be decoded.
pub(super) fn outcomes(result: &[u8], link: u64, now: Timestamp) -> Option<HashMap<SpaceId, Outcome>> {
    let result = SubscribeResult::decode(result).ok()?;
    let accepted = result
        .spaces
        .iter()
        .filter_map(|state| Some((state.id.parse().ok()?, Outcome::Accepted(read(state, link, now)))));
    let rejected = result
        .errors
        .iter()
        .filter_map(|error| Some((error.space.parse().ok()?, Outcome::Rejected(error.error.to_owned()))));
    Some(rejected.chain(accepted).collect())
}

/// State of `space` in a result; `None` if it was not accepted.
pub(super) fn accepted(result: &[u8], space: SpaceId, link: u64, now: Timestamp) -> Option<Accepted> {
    match outcomes(result, link, now)?.remove(&space)? {
        Outcome::Accepted(accepted) => Some(accepted),
        Outcome::Rejected(_) => None,
    }
}

fn read(state: &SpaceState<'_>, link: u64, now: Timestamp) -> Accepted {
    let token = state.token.map(|text| {
        let seconds = state.token_expires.or_else(|| expiry(text));
        let stated = seconds.and_then(|seconds| i64::try_from(seconds).ok()).map(Timestamp::from_seconds);
        let expires_at = stated.unwrap_or_else(|| now.plus(UNKNOWN_LIFETIME));
        Credential { text: text.into(), expires_at }
    });
    let position = HomePosition {
        cursor: state.cursor,
        key_generation: state.key_generation,
        rewrap_epoch: state.rewrap_epoch,
    };
    Accepted { position, token, link, peers: peers(state) }
}

/// Peers present at the home, within the bounds.
fn peers(state: &SpaceState<'_>) -> Vec<(PeerName, Bytes)> {
    let peer = |peer: &Peer<'_>| {
        let data = Some(peer.data).filter(|data| data.len() <= limits::PRESENCE_DATA)?;
        Some((PeerName::parse(peer.peer)?, Bytes::copy_from_slice(data)))
    };
    state.peers.iter().take(PEERS).filter_map(peer).collect()
}

/// Expiry inside a token, as original homes do not state it (federation §9.2).
fn expiry(token: &str) -> Option<u64> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    matches!(bytes.first(), Some(1 | 2)).then_some(())?;
    bytes.get(EXPIRY)?.try_into().ok().map(u64::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Federation A.6 and A.7.
    #[test]
    fn expiry_is_read_from_tokens_of_both_versions() {
        let first = "AQABAgMEBQYHCAkKCwwNDg9t_lbYeYdDn7BE6hnmM-9GIoaRJmXRU_mPgs9-mzbhWG1gswFap8nNsDVTIyKbEyAAAAAAcT-zAP-\
                     dYK0X-HfhhPt7y2j9d2f50_9ub7OKZFA84Oy21X8_";
        assert_eq!(expiry(first), Some(1_900_000_000));
        assert_eq!(expiry(&first.replacen("AQ", "Ag", 1)), Some(1_900_000_000));
        for other in ["", "AQ", "no token", &first.replacen("AQ", "Aw", 1)] {
            assert_eq!(expiry(other), None, "{other}");
        }
    }

    #[test]
    fn requests_are_cut_at_thousand_spaces_and_at_their_size() {
        let ask = |length: usize| Ask {
            space: SpaceId::from_bytes([0; 16]),
            since: Cursor::ZERO,
            floor: None,
            presented: Presented::Ucan("u".repeat(length).into()),
        };
        let asks: Vec<Ask> = (0..1001).map(|_| ask(10)).collect();
        assert_eq!(batch(&asks), 1000);
        let asks: Vec<Ask> = (0..5).map(|_| ask(limits::MIB)).collect();
        assert_eq!(batch(&asks), 2);
        assert_eq!(batch(&[ask(3 * limits::MIB)]), 1);
    }
}

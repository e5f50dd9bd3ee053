//! `subscribe` and `unsubscribe` (protocol §4.2, §4.6).

use crate::cbor::{Bounded, NonEmpty, OptionalItem, Required, ZeroIsAbsent, map};
use crate::{Cursor, Epoch, limits};

map! {
    /// Params of `subscribe`.
    pub struct SubscribeParams<'b> {
        /// Spaces to watch; of more than [`limits::SPACES`] entries one excess entry is kept, which is a bad request.
        "spaces" => spaces: Vec<SubscribeEntry<'b>> as Bounded<{ limits::SPACES + 1 }>,
    }

    /// Space to watch.
    pub struct SubscribeEntry<'b> {
        /// Space id, in any textual UUID form; echoed verbatim.
        "id" => id: &'b str as Required,
        /// Cursor of the client, up to 2^63 − 1; without effect unless `catchup` is set.
        "since" => since: u64 as Required,
        /// UCAN text, at most [`limits::UCAN_TEXT`] bytes; a longer text counts as an invalid chain.
        "ucan" => ucan: Option<&'b str> as NonEmpty,
        /// Reserved for federation: subscribe token between servers.
        "token" => token: Option<&'b str> as NonEmpty,
        /// Flag: list the peers present.
        "presence" => presence: bool as ZeroIsAbsent,
        /// Flag: replay everything after `since` (protocol §6.4).
        "catchup" => catchup: bool as ZeroIsAbsent,
        /// Home server of the space according to the client; absent: this server (protocol §4.21).
        "home_server" => home_server: Option<&'b str> as NonEmpty,
    }

    /// Result of `subscribe`; every entry of the request is in exactly one of the lists.
    pub struct SubscribeResult<'b> {
        /// Spaces watched from now on, in request order.
        "spaces" => spaces: Vec<SpaceState<'b>> as Required,
        /// Rejected spaces, in request order.
        "errors" => errors: Vec<SpaceError<'b>> as ZeroIsAbsent,
    }

    /// Watched space.
    pub struct SpaceState<'b> {
        /// Space id, verbatim from the request.
        "id" => id: &'b str as Required,
        /// Cursor of the space, read after the subscription was registered.
        "cursor" => cursor: Cursor as Required,
        /// Key generation of the space.
        "key_generation" | "epoch" => key_generation: Epoch as Required,
        /// Epoch of the pending rewrap, if any.
        "rewrap_epoch" => rewrap_epoch: Option<Epoch> as OptionalItem,
        /// Reserved for federation: subscribe token between servers.
        "token" => token: Option<&'b str> as NonEmpty,
        /// Reserved for federation: end of the token's validity, in seconds since 1970.
        "token_expires" => token_expires: Option<u64> as OptionalItem,
        /// Peers present, if requested and within the budget of 1 MiB.
        "peers" => peers: Vec<Peer<'b>> as ZeroIsAbsent,
    }

    /// Peer present in a space.
    pub struct Peer<'b> {
        /// Pseudonym of the peer: 32 hexadecimal digits.
        "peer" => peer: &'b str as Required,
        /// Presence data from `presence.set`.
        "data" => data: &'b [u8] as Required,
    }

    /// Rejected space.
    pub struct SpaceError<'b> {
        /// Space id, verbatim from the request.
        "space" => space: &'b str as Required,
        /// Text of an [`ErrorCode`](crate::ErrorCode).
        "error" => error: &'b str as Required,
    }

    /// Params of `unsubscribe`.
    pub struct UnsubscribeParams<'b> {
        /// Space ids in any textual UUID form; only the first [`limits::SPACES`] are kept.
        "spaces" => spaces: Vec<&'b str> as Bounded<{ limits::SPACES }>,
    }
}

//! `subscribe` and `unsubscribe` (protocol §4.2, §4.6).

use crate::cbor::{Bounded, NonEmpty, OptionalItem, Required, ZeroIsAbsent, map};
use crate::{Cursor, Epoch, limits};

map! {
    /// The params of `subscribe`.
    pub struct SubscribeParams<'b> {
        /// Of more than [`limits::SPACES`] entries one too many is kept, which is a bad request.
        "spaces" => spaces: Vec<SubscribeEntry<'b>> as Bounded<{ limits::SPACES + 1 }>,
    }

    /// One space to watch.
    pub struct SubscribeEntry<'b> {
        /// Any textual UUID form; echoed as it is.
        "id" => id: &'b str as Required,
        /// Up to 2^63 − 1; without effect unless `catchup` is set.
        "since" => since: u64 as Required,
        /// At most [`limits::UCAN_TEXT`] bytes, else it counts as invalid.
        "ucan" => ucan: Option<&'b str> as NonEmpty,
        /// Between servers only.
        "token" => token: Option<&'b str> as NonEmpty,
        /// Whether to list the peers present.
        "presence" => presence: bool as ZeroIsAbsent,
        /// Whether to replay what happened after `since` (protocol §6.4).
        "catchup" => catchup: bool as ZeroIsAbsent,
        /// Where the client believes the space lives (protocol §4.21).
        "home_server" => home_server: Option<&'b str> as NonEmpty,
    }

    /// The result of `subscribe`; every entry of the request is in exactly one of the lists.
    pub struct SubscribeResult<'b> {
        /// Watched from now on, in request order.
        "spaces" => spaces: Vec<SpaceState<'b>> as Required,
        /// Rejected, in request order.
        "errors" => errors: Vec<SpaceError<'b>> as ZeroIsAbsent,
    }

    /// A watched space.
    pub struct SpaceState<'b> {
        /// As the request wrote it.
        "id" => id: &'b str as Required,
        /// Its cursor after the watching began.
        "cursor" => cursor: Cursor as Required,
        /// Its key generation.
        "key_generation" | "epoch" => key_generation: Epoch as Required,
        /// Its pending rewrap.
        "rewrap_epoch" => rewrap_epoch: Option<Epoch> as OptionalItem,
        /// Between servers only.
        "token" => token: Option<&'b str> as NonEmpty,
        /// Between servers only: when the token ends, in seconds since 1970.
        "token_expires" => token_expires: Option<u64> as OptionalItem,
        /// Who is present, if the request asked and the 1 MiB of room sufficed.
        "peers" => peers: Vec<Peer<'b>> as ZeroIsAbsent,
    }

    /// Somebody present in a space.
    pub struct Peer<'b> {
        /// Pseudonym: 32 hex digits.
        "peer" => peer: &'b str as Required,
        /// What they said with `presence.set`.
        "data" => data: &'b [u8] as Required,
    }

    /// A rejected space.
    pub struct SpaceError<'b> {
        /// As the request wrote it.
        "space" => space: &'b str as Required,
        /// The text of an [`ErrorCode`](crate::ErrorCode).
        "error" => error: &'b str as Required,
    }

    /// The params of `unsubscribe`.
    pub struct UnsubscribeParams<'b> {
        /// Any textual UUID form; only the first [`limits::SPACES`] are kept.
        "spaces" => spaces: Vec<&'b str> as Bounded<{ limits::SPACES }>,
    }
}

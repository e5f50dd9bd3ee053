//! Methods and members that only servers send to each other (federation §8.3, §9).

use super::subscribe::SpaceError;
use crate::cbor::{NonEmpty, OptionalItem, Required, ZeroIfAbsent, ZeroIsAbsent, map};

pub use super::method::{FED_CANCEL, FED_HELLO, FED_INVITATION};

/// Names of optional features in `fed.hello` (federation §8.3).
pub mod feature {
    /// `membership.*`, `epoch.*`, `deks.*`.
    pub const FORWARDED_CALLS: &str = "rpc.forward";
    /// `pull` authorized by a subscribe token.
    pub const PULL_BY_TOKEN: &str = "pull.token";
    /// Idempotency keys of mutations.
    pub const IDEMPOTENCY: &str = "idem";
    /// `fed.cancel`.
    pub const CANCEL: &str = "cancel";
    /// Exceeded quotas of spaces as errors of entries.
    pub const ERRORS_OF_ENTRIES: &str = "sub.errors";
    /// `epochKeys.*`.
    pub const EPOCH_KEYS: &str = "epoch.keys";
    /// Presence and ephemeral events.
    pub const PRESENCE: &str = "presence";
    /// Files.
    pub const FILES: &str = "files";
}

map! {
    /// Params and result of `fed.hello`.
    pub struct FedHello<'b> {
        /// Constant 1.
        "v" => v: i64 as Required,
        /// Identity of the sender.
        "server" => server: &'b str as Required,
        /// Optional features of the sender.
        "features" => features: Vec<&'b str> as Required,
        /// Largest message that the sender accepts, in bytes.
        "max_frame" => max_frame: i64 as Required,
        /// Largest number of concurrent requests that the sender processes on the link.
        "max_inflight" => max_inflight: i64 as Required,
        /// Clock of the sender, in seconds since 1970; 0 when absent.
        "time" => time: i64 as ZeroIsAbsent,
        /// Id of the link, in results only.
        "link" => link: Option<&'b str> as NonEmpty,
    }

    /// Params of `fed.invitation`.
    pub struct FedInvitationParams<'b> {
        /// Mailbox id: 64 lowercase hexadecimal digits, else a bad request.
        "mailbox_id" => mailbox_id: &'b str as Required,
        /// Opaque payload, 1 to [`limits::INVITATION_PAYLOAD`](crate::limits::INVITATION_PAYLOAD) bytes.
        "payload" => payload: &'b str as Required,
        /// Space hint: 16 bytes (protocol §4.21).
        "tag" => tag: Option<&'b [u8]> as OptionalItem,
        /// Idempotency key: 16 bytes.
        "idem" => idem: Option<&'b [u8]> as OptionalItem,
    }

    /// Result of `fed.invitation`.
    pub struct FedInvitationResult<'b> {
        /// Constant true.
        "ok" => ok: bool as Required,
        /// Constant `delivered`; absent from original peers.
        "status" => status: Option<&'b str> as NonEmpty,
    }

    /// Params of `fed.cancel`.
    pub struct FedCancelParams<'b> {
        /// Id of the request whose response is not needed any more.
        "id" => id: &'b str as Required,
    }

    /// Params of `presence.set` of a client or another server.
    pub struct ForwardedPresenceSet<'b> {
        /// Space id, in any textual UUID form.
        "space" => space: &'b str as Required,
        /// Pseudonym of a client of the sender, 32 hexadecimal digits; from servers only.
        "peer" => peer: Option<&'b str> as NonEmpty,
        /// Presence data, 0 to [`limits::PRESENCE_DATA`](crate::limits::PRESENCE_DATA) bytes; a longer frame is ignored.
        "data" => data: &'b [u8] as Required,
    }

    /// Params of `presence.clear` of a client or another server.
    pub struct ForwardedPresenceClear<'b> {
        /// Space id, in any textual UUID form.
        "space" => space: &'b str as Required,
        /// Pseudonym of a client of the sender, 32 hexadecimal digits; from servers only.
        "peer" => peer: Option<&'b str> as NonEmpty,
    }

    /// Params of `event.send` of a client or another server.
    pub struct ForwardedEventSend<'b> {
        /// Space id, in any textual UUID form.
        "space" => space: &'b str as Required,
        /// Pseudonym of a client of the sender, 32 hexadecimal digits; from servers only.
        "peer" => peer: Option<&'b str> as NonEmpty,
        /// Event data, 0 to [`limits::EVENT_DATA`](crate::limits::EVENT_DATA) bytes; a longer frame is ignored.
        "data" => data: &'b [u8] as Required,
    }

    /// Members by which calls of another server are ordered and repeated, whatever the method.
    pub struct ForwardedParams<'b> {
        /// Space id of the methods for one space.
        "space" => space: Option<&'b str> as NonEmpty,
        /// Idempotency key: 16 bytes.
        "idem" => idem: Option<&'b [u8]> as OptionalItem,
    }

    /// Result of `pull` between servers.
    pub struct ForwardedPullResult<'b> {
        /// Number of chunk frames sent for this request, begin and commit included.
        "_chunks" => chunks: u64 as ZeroIfAbsent,
        /// Spaces without chunks, in request order.
        "errors" => errors: Vec<SpaceError<'b>> as ZeroIsAbsent,
    }
}

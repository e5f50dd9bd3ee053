//! Notifications from server to client (protocol §5.1, §5.3).

use super::membership::Entry;
use crate::cbor::{OptionalItem, Required, ZeroIsAbsent, ZeroIsFirst, map};
use crate::{Cursor, Epoch, FileId, RecordId, SpaceId};

map! {
    /// `sync`: a committed push; with `prev` = `cursor` and no records, a hint to pull.
    pub struct Sync<'b> {
        /// Space of the event.
        "space" => space: SpaceId as Required,
        /// Cursor of the space before the push.
        "prev" => prev: Cursor as Required,
        /// Cursor of the push.
        "cursor" => cursor: Cursor as Required,
        /// Key generation of the space.
        "key_generation" | "epoch" => key_generation: Epoch as ZeroIsFirst,
        /// Epoch of the pending rewrap, if any.
        "rewrap_epoch" => rewrap_epoch: Option<Epoch> as OptionalItem,
        /// Records in push order.
        "records" => records: Vec<RecordEntry<'b>> as Required,
    }

    /// Head of `sync`, `membership` and `file`, without their content.
    pub struct EventHead<'b> {
        /// Space of the event, as spelled by its sender.
        "space" => space: &'b str as Required,
        /// Cursor of the space before the event, in `sync` only.
        "prev" => prev: Option<Cursor> as OptionalItem,
        /// Cursor of the event.
        "cursor" => cursor: Cursor as Required,
        /// Key generation of the space, in `sync` only; 0 from servers that do not state it.
        "key_generation" | "epoch" => key_generation: Option<i32> as OptionalItem,
        /// Epoch of the pending rewrap, if any.
        "rewrap_epoch" => rewrap_epoch: Option<Epoch> as OptionalItem,
    }

    /// Record written or deleted by a push.
    pub struct RecordEntry<'b> {
        /// Record id.
        "id" => id: RecordId as Required,
        /// Ciphertext; present in live records only.
        "blob" => blob: Option<&'b [u8]> as OptionalItem,
        /// Cursor of the push.
        "cursor" => cursor: Cursor as Required,
        /// Wrapped data key of a live record.
        "dek" | "wrapped_dek" => dek: Option<&'b [u8]> as OptionalItem,
        /// True for a tombstone, which has neither blob nor key.
        "deleted" => deleted: bool as ZeroIsAbsent,
    }

    /// `membership`: one entry appended to the membership log.
    pub struct MembershipEvent<'b> {
        /// Space of the event.
        "space" => space: SpaceId as Required,
        /// Cursor of the append.
        "cursor" => cursor: Cursor as Required,
        /// Appended entries, at least one.
        "entries" => entries: Vec<Entry<'b>> as Required,
    }

    /// `file`: files uploaded or deleted.
    pub struct FileEvent<'b> {
        /// Space of the event.
        "space" => space: SpaceId as Required,
        /// Cursor of the change.
        "cursor" => cursor: Cursor as Required,
        /// Changed files, at least one.
        "files" => files: Vec<FileEntry<'b>> as Required,
    }

    /// Uploaded or deleted file.
    pub struct FileEntry<'b> {
        /// File id.
        "id" => id: FileId as Required,
        /// Record that owns the file.
        "record_id" => record_id: RecordId as Required,
        /// Ciphertext size in bytes; 0 is omitted.
        "size" => size: u64 as ZeroIsAbsent,
        /// Wrapped data key of a live file.
        "dek" | "wrapped_dek" => dek: Option<&'b [u8]> as OptionalItem,
        /// True for a tombstone, which has neither size nor key.
        "deleted" => deleted: bool as ZeroIsAbsent,
    }

    /// `revoked`: access of a member to the space revoked.
    pub struct Revoked<'b> {
        /// Space of the event.
        "space" => space: SpaceId as Required,
        /// Reason, such as [`UCAN_REVOKED`].
        "reason" => reason: &'b str as Required,
    }

    /// `resubscribe`: subscriptions ended; the client subscribes again with fresh credentials.
    pub struct Resubscribe {
        /// Spaces whose subscriptions ended, one or more.
        "spaces" => spaces: Vec<SpaceId> as Required,
    }

    /// `presence`: presence data of a peer.
    pub struct Presence<'b> {
        /// Space of the event.
        "space" => space: SpaceId as Required,
        /// Pseudonym of the peer: 32 hexadecimal digits.
        "peer" => peer: &'b str as Required,
        /// Presence data, at most [`limits::PRESENCE_DATA`](crate::limits::PRESENCE_DATA) bytes.
        "data" => data: &'b [u8] as Required,
    }

    /// `presence.leave`: a peer left.
    pub struct PresenceLeave<'b> {
        /// Space of the event.
        "space" => space: SpaceId as Required,
        /// Pseudonym of the peer: 32 hexadecimal digits.
        "peer" => peer: &'b str as Required,
    }

    /// `event`: an ephemeral event from a peer.
    pub struct EphemeralEvent<'b> {
        /// Space of the event.
        "space" => space: SpaceId as Required,
        /// Pseudonym of the peer: 32 hexadecimal digits.
        "peer" => peer: &'b str as Required,
        /// Event data, at most [`limits::EVENT_DATA`](crate::limits::EVENT_DATA) bytes.
        "data" => data: &'b [u8] as Required,
    }
}

/// Reason of [`Revoked`] after `membership.revoke`.
pub const UCAN_REVOKED: &str = "ucan_revoked";

/// Reason of [`Revoked`] towards a server without a member in the space (federation §10.4).
pub const MEMBERSHIP_REMOVED: &str = "membership_removed";

/// Reason of [`Revoked`] towards a server that is not trusted any more (federation §5.5).
pub const TRUST_REVOKED: &str = "trust_revoked";

/// `invitation`: notice of a new invitation in the mailbox, without content.
pub type InvitationEvent = super::Empty;

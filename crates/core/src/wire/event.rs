//! Notifications from server to client (protocol §5.1, §5.3).

use super::membership::Entry;
use crate::cbor::{OptionalItem, Required, ZeroIsAbsent, ZeroIsFirst, map};
use crate::{Cursor, Epoch, FileId, RecordId, SpaceId};

map! {
    /// `sync`: a committed push, or with `prev` = `cursor` and no records the hint to pull.
    pub struct Sync<'b> {
        /// Where.
        "space" => space: SpaceId as Required,
        /// Cursor of the space before the push.
        "prev" => prev: Cursor as Required,
        /// Cursor of the push.
        "cursor" => cursor: Cursor as Required,
        /// Key generation of the space.
        "key_generation" | "epoch" => key_generation: Epoch as ZeroIsFirst,
        /// Pending rewrap.
        "rewrap_epoch" => rewrap_epoch: Option<Epoch> as OptionalItem,
        /// In push order.
        "records" => records: Vec<RecordEntry<'b>> as Required,
    }

    /// A record that a push wrote or deleted.
    pub struct RecordEntry<'b> {
        /// Which record.
        "id" => id: RecordId as Required,
        /// Present in live records.
        "blob" => blob: Option<&'b [u8]> as OptionalItem,
        /// Cursor of the push.
        "cursor" => cursor: Cursor as Required,
        /// Wrapped key of a live record.
        "dek" | "wrapped_dek" => dek: Option<&'b [u8]> as OptionalItem,
        /// Whether this is a tombstone: no blob, no key.
        "deleted" => deleted: bool as ZeroIsAbsent,
    }

    /// `membership`: the log grew by one entry.
    pub struct MembershipEvent<'b> {
        /// Where.
        "space" => space: SpaceId as Required,
        /// Cursor of the append.
        "cursor" => cursor: Cursor as Required,
        /// At least one.
        "entries" => entries: Vec<Entry<'b>> as Required,
    }

    /// `file`: files were uploaded or deleted.
    pub struct FileEvent<'b> {
        /// Where.
        "space" => space: SpaceId as Required,
        /// Cursor of the change.
        "cursor" => cursor: Cursor as Required,
        /// At least one.
        "files" => files: Vec<FileEntry<'b>> as Required,
    }

    /// A file that was uploaded or deleted.
    pub struct FileEntry<'b> {
        /// Which file.
        "id" => id: FileId as Required,
        /// The record that owns it.
        "record_id" => record_id: RecordId as Required,
        /// Bytes of ciphertext; 0 is omitted.
        "size" => size: u64 as ZeroIsAbsent,
        /// Wrapped key of a live file.
        "dek" | "wrapped_dek" => dek: Option<&'b [u8]> as OptionalItem,
        /// Whether this is a tombstone: no size, no key.
        "deleted" => deleted: bool as ZeroIsAbsent,
    }

    /// `revoked`: somebody's access to the space was revoked.
    pub struct Revoked<'b> {
        /// Where.
        "space" => space: SpaceId as Required,
        /// Such as [`UCAN_REVOKED`].
        "reason" => reason: &'b str as Required,
    }

    /// `resubscribe`: these subscriptions are gone; subscribe again with fresh credentials.
    pub struct Resubscribe {
        /// At least one.
        "spaces" => spaces: Vec<SpaceId> as Required,
    }

    /// `presence`: what a peer says about itself.
    pub struct Presence<'b> {
        /// Where.
        "space" => space: SpaceId as Required,
        /// Pseudonym: 32 hex digits.
        "peer" => peer: &'b str as Required,
        /// At most [`limits::PRESENCE_DATA`](crate::limits::PRESENCE_DATA) bytes.
        "data" => data: &'b [u8] as Required,
    }

    /// `presence.leave`: a peer is no longer present.
    pub struct PresenceLeave<'b> {
        /// Where.
        "space" => space: SpaceId as Required,
        /// Pseudonym: 32 hex digits.
        "peer" => peer: &'b str as Required,
    }

    /// `event`: what a peer said once.
    pub struct EphemeralEvent<'b> {
        /// Where.
        "space" => space: SpaceId as Required,
        /// Pseudonym: 32 hex digits.
        "peer" => peer: &'b str as Required,
        /// At most [`limits::EVENT_DATA`](crate::limits::EVENT_DATA) bytes.
        "data" => data: &'b [u8] as Required,
    }
}

/// The reason of [`Revoked`] after `membership.revoke`.
pub const UCAN_REVOKED: &str = "ucan_revoked";

/// `invitation`: there is something new in the mailbox; the notice itself says nothing.
pub type InvitationEvent = super::Empty;

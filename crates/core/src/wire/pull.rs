//! `pull` (protocol §4.4, §5.2–§5.4).

use super::membership::Entry;
use crate::cbor::{Bounded, NonEmpty, OptionalItem, Required, ZeroIfAbsent, ZeroIsAbsent, map, words};
use crate::{Cursor, Epoch, FileId, RecordId, limits};

map! {
    /// The params of `pull`.
    pub struct PullParams<'b> {
        /// Of more than [`limits::SPACES`] entries one too many is kept, which is a bad request.
        "spaces" => spaces: Vec<PullEntry<'b>> as Bounded<{ limits::SPACES + 1 }>,
        /// What to do when an entry's `since` lies beyond the cursor of its space.
        "on_cursor_ahead" => on_cursor_ahead: Option<OnCursorAhead> as OptionalItem,
    }

    /// One space to read.
    pub struct PullEntry<'b> {
        /// Any textual UUID form; echoed as it is.
        "id" => id: &'b str as Required,
        /// Up to 2^63 − 1: a client may believe in a cursor that no space can have.
        "since" => since: u64 as Required,
        /// At most [`limits::UCAN_TEXT`] bytes, else it counts as invalid.
        "ucan" => ucan: Option<&'b str> as NonEmpty,
        /// Between servers only.
        "token" => token: Option<&'b str> as NonEmpty,
        /// Where the client believes the space lives (protocol §4.21).
        "home_server" => home_server: Option<&'b str> as NonEmpty,
    }

    /// Chunk `pull.begin`.
    pub struct PullBegin<'b> {
        /// As the request wrote it.
        "space" => space: &'b str as Required,
        /// Where the reader stands.
        "prev" => prev: Cursor as Required,
        /// Where it will stand after `pull.commit`.
        "cursor" => cursor: Cursor as Required,
        /// Key generation of the space.
        "key_generation" | "epoch" => key_generation: Epoch as Required,
        /// Pending rewrap.
        "rewrap_epoch" => rewrap_epoch: Option<Epoch> as OptionalItem,
    }

    /// Chunk `pull.record`.
    pub struct PullRecord<'b> {
        /// As the request wrote it.
        "space" => space: &'b str as Required,
        /// Which record.
        "id" => id: RecordId as Required,
        /// Present in live records.
        "blob" => blob: Option<&'b [u8]> as OptionalItem,
        /// Of the push that wrote it.
        "cursor" => cursor: Cursor as Required,
        /// Wrapped key of a live record.
        "dek" | "wrapped_dek" => dek: Option<&'b [u8]> as OptionalItem,
        /// Whether this is a tombstone: no blob, no key.
        "deleted" => deleted: bool as ZeroIsAbsent,
    }

    /// Chunk `pull.membership`.
    pub struct PullMembership<'b> {
        /// As the request wrote it.
        "space" => space: &'b str as Required,
        /// Of the append.
        "cursor" => cursor: Cursor as Required,
        /// Exactly one.
        "entries" => entries: Vec<Entry<'b>> as Required,
    }

    /// Chunk `pull.file`.
    pub struct PullFile<'b> {
        /// As the request wrote it.
        "space" => space: &'b str as Required,
        /// Which file.
        "id" => id: FileId as Required,
        /// The record that owns it.
        "record_id" => record_id: RecordId as Required,
        /// Bytes of ciphertext; 0 is omitted.
        "size" => size: u64 as ZeroIsAbsent,
        /// Wrapped key of a live file.
        "dek" | "wrapped_dek" => dek: Option<&'b [u8]> as OptionalItem,
        /// Of its last change.
        "cursor" => cursor: Cursor as Required,
        /// Whether this is a tombstone: no size, no key.
        "deleted" => deleted: bool as ZeroIsAbsent,
    }

    /// Chunk `pull.commit`.
    pub struct PullCommit<'b> {
        /// As the request wrote it.
        "space" => space: &'b str as Required,
        /// As in `pull.begin`.
        "prev" => prev: Cursor as Required,
        /// As in `pull.begin`.
        "cursor" => cursor: Cursor as Required,
        /// Rows between `pull.begin` and this.
        "count" => count: u64 as Required,
    }

    /// The result of a streamed answer.
    pub struct ChunkCount {
        /// Chunk frames sent for this request, begin and commit included.
        "_chunks" => chunks: u64 as ZeroIfAbsent,
    }
}

words! {
    /// What a client that is ahead of the space wants (protocol §4.4).
    pub enum OnCursorAhead {
        /// The error `cursor_ahead`.
        Error = "error",
        /// Everything from 0, with tombstones.
        Rewind = "rewind",
    }
}

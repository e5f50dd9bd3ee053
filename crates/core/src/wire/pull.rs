//! `pull` (protocol §4.4, §5.2–§5.4).

use super::membership::Entry;
use crate::cbor::{Bounded, NonEmpty, OptionalItem, Required, ZeroIfAbsent, ZeroIsAbsent, map, words};
use crate::{Cursor, Epoch, FileId, RecordId, limits};

map! {
    /// Params of `pull`.
    pub struct PullParams<'b> {
        /// Spaces to read; of more than [`limits::SPACES`] entries one excess entry is kept, which is a bad request.
        "spaces" => spaces: Vec<PullEntry<'b>> as Bounded<{ limits::SPACES + 1 }>,
        /// Policy for a `since` beyond the cursor of its space.
        "on_cursor_ahead" => on_cursor_ahead: Option<OnCursorAhead> as OptionalItem,
    }

    /// Space to read.
    pub struct PullEntry<'b> {
        /// Space id, in any textual UUID form; echoed verbatim.
        "id" => id: &'b str as Required,
        /// Exclusive lower bound; up to 2^63 − 1, since a client may hold a cursor that no space can have.
        "since" => since: u64 as Required,
        /// UCAN text, at most [`limits::UCAN_TEXT`] bytes; a longer text counts as an invalid chain.
        "ucan" => ucan: Option<&'b str> as NonEmpty,
        /// Reserved for federation: subscribe token between servers.
        "token" => token: Option<&'b str> as NonEmpty,
        /// Home server of the space according to the client; absent: this server (protocol §4.21).
        "home_server" => home_server: Option<&'b str> as NonEmpty,
    }

    /// Chunk `pull.begin`.
    pub struct PullBegin<'b> {
        /// Space id, verbatim from the request.
        "space" => space: &'b str as Required,
        /// Cursor at which the stream starts.
        "prev" => prev: Cursor as Required,
        /// Cursor of the client after `pull.commit`.
        "cursor" => cursor: Cursor as Required,
        /// Key generation of the space.
        "key_generation" | "epoch" => key_generation: Epoch as Required,
        /// Epoch of the pending rewrap, if any.
        "rewrap_epoch" => rewrap_epoch: Option<Epoch> as OptionalItem,
    }

    /// Chunk `pull.record`.
    pub struct PullRecord<'b> {
        /// Space id, verbatim from the request.
        "space" => space: &'b str as Required,
        /// Record id.
        "id" => id: RecordId as Required,
        /// Ciphertext; present in live records only.
        "blob" => blob: Option<&'b [u8]> as OptionalItem,
        /// Cursor of the push that wrote the record.
        "cursor" => cursor: Cursor as Required,
        /// Wrapped data key of a live record.
        "dek" | "wrapped_dek" => dek: Option<&'b [u8]> as OptionalItem,
        /// True for a tombstone, which has neither blob nor key.
        "deleted" => deleted: bool as ZeroIsAbsent,
    }

    /// Chunk `pull.membership`.
    pub struct PullMembership<'b> {
        /// Space id, verbatim from the request.
        "space" => space: &'b str as Required,
        /// Cursor of the append.
        "cursor" => cursor: Cursor as Required,
        /// Exactly one entry.
        "entries" => entries: Vec<Entry<'b>> as Required,
    }

    /// Chunk `pull.file`.
    pub struct PullFile<'b> {
        /// Space id, verbatim from the request.
        "space" => space: &'b str as Required,
        /// File id.
        "id" => id: FileId as Required,
        /// Record that owns the file.
        "record_id" => record_id: RecordId as Required,
        /// Ciphertext size in bytes; 0 is omitted.
        "size" => size: u64 as ZeroIsAbsent,
        /// Wrapped data key of a live file.
        "dek" | "wrapped_dek" => dek: Option<&'b [u8]> as OptionalItem,
        /// Cursor of the last change.
        "cursor" => cursor: Cursor as Required,
        /// True for a tombstone, which has neither size nor key.
        "deleted" => deleted: bool as ZeroIsAbsent,
    }

    /// Chunk `pull.commit`.
    pub struct PullCommit<'b> {
        /// Space id, verbatim from the request.
        "space" => space: &'b str as Required,
        /// Lower cursor, as in `pull.begin`.
        "prev" => prev: Cursor as Required,
        /// Upper cursor, as in `pull.begin`.
        "cursor" => cursor: Cursor as Required,
        /// Number of rows between `pull.begin` and `pull.commit`.
        "count" => count: u64 as Required,
    }

    /// Result of a streamed response.
    pub struct ChunkCount {
        /// Number of chunk frames sent for this request, begin and commit included.
        "_chunks" => chunks: u64 as ZeroIfAbsent,
    }
}

words! {
    /// Policy for a client that is ahead of the space (protocol §4.4).
    pub enum OnCursorAhead {
        /// Respond with the error `cursor_ahead`.
        Error = "error",
        /// Stream everything from 0, tombstones included.
        Rewind = "rewind",
    }
}

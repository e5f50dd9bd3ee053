//! `deks.get`, `deks.rewrap` and their file twins (protocol §4.16–§4.18; newer-clients §4.3, §4.4).

use super::DekField;
use crate::cbor::{EitherDek, NonEmpty, OptionalItem, Required, ZeroIfAbsent, ZeroIsAbsent, map};
use crate::{Cursor, FileId, RecordId};

map! {
    /// The params of `deks.get` and `deks.getFiles`.
    pub struct DeksGetParams<'b> {
        /// Any textual UUID form.
        "space" => space: &'b str as Required,
        /// At most [`limits::UCAN_TEXT`](crate::limits::UCAN_TEXT) bytes, else it counts as invalid.
        "ucan" => ucan: Option<&'b str> as NonEmpty,
        /// Where the client believes the space lives (protocol §4.21).
        "home_server" => home_server: Option<&'b str> as NonEmpty,
        /// Only rows after this cursor; up to 2^63 − 1.
        "since" => since: u64 as ZeroIsAbsent,
    }

    /// Chunk `deks.record`, read by older clients: one spelling only.
    pub struct DekRecord<'b> {
        /// Which record.
        "id" => id: RecordId as Required,
        /// Its wrapped key.
        "dek" => dek: &'b [u8] as Required,
        /// Its cursor.
        "seq" => seq: Cursor as Required,
    }

    /// Chunk `deks.files.record`, read by older clients: one spelling only.
    pub struct FileDekRecord<'b> {
        /// Which file.
        "id" => id: FileId as Required,
        /// Its wrapped key.
        "dek" => dek: &'b [u8] as Required,
        /// Its cursor.
        "cursor" => cursor: Cursor as Required,
    }

    /// The result of `deks.get`.
    pub struct DeksResult<'b> {
        /// Chunk frames sent for this request.
        "_chunks" => chunks: u64 as ZeroIfAbsent,
        /// The rows again, for newer clients; servers of ours always send it, even when it is empty.
        "deks" => deks: Option<Vec<DekRow<'b>>> as OptionalItem,
    }

    /// A row of [`DeksResult`], read by newer clients: one spelling only.
    pub struct DekRow<'b> {
        /// Which record.
        "id" => id: RecordId as Required,
        /// Its wrapped key.
        "wrapped_dek" => wrapped_dek: &'b [u8] as Required,
        /// Its cursor.
        "seq" => seq: Cursor as Required,
    }

    /// The result of `deks.getFiles`.
    pub struct FileDeksResult<'b> {
        /// Chunk frames sent for this request.
        "_chunks" => chunks: u64 as ZeroIfAbsent,
        /// The rows again, for newer clients; servers of ours always send it, even when it is empty.
        "deks" => deks: Option<Vec<FileDekRow<'b>>> as OptionalItem,
    }

    /// A row of [`FileDeksResult`], read by newer clients: one spelling only.
    pub struct FileDekRow<'b> {
        /// Which file.
        "id" => id: FileId as Required,
        /// Its wrapped key.
        "wrapped_dek" => wrapped_dek: &'b [u8] as Required,
        /// Its cursor.
        "cursor" => cursor: Cursor as Required,
    }

    /// The params of `deks.rewrap` and `deks.rewrapFiles`.
    pub struct DeksRewrapParams<'b> {
        /// Any textual UUID form.
        "space" => space: &'b str as Required,
        /// At most [`limits::UCAN_TEXT`](crate::limits::UCAN_TEXT) bytes, else it counts as invalid.
        "ucan" => ucan: Option<&'b str> as NonEmpty,
        /// Where the client believes the space lives (protocol §4.21).
        "home_server" => home_server: Option<&'b str> as NonEmpty,
        /// All or none are replaced.
        "deks" => deks: Vec<RewrapEntry<'b>> as Required,
    }

    /// A wrapped key to replace.
    pub struct RewrapEntry<'b> {
        /// A record (hyphenated form only) or a file (any form), else a bad request.
        "id" => id: &'b str as Required,
        /// The new key, 44 bytes, else a bad request.
        "dek" | "wrapped_dek" => dek: DekField<'b> as EitherDek,
        /// The key the client read; anything else in its place is a conflict. Any length.
        "observed_wrapped_dek" => observed_wrapped_dek: Option<&'b [u8]> as OptionalItem,
    }

    /// The result of `deks.rewrap` and `deks.rewrapFiles`.
    pub struct DeksRewrapResult {
        /// Always true.
        "ok" => ok: bool as Required,
        /// Number of entries sent.
        "count" => count: u64 as Required,
    }
}

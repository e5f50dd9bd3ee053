//! `deks.get`, `deks.rewrap` and their file twins (protocol §4.16–§4.18; newer-clients §4.3, §4.4).

use super::DekField;
use crate::cbor::{EitherDek, NonEmpty, OptionalItem, Required, ZeroIfAbsent, ZeroIsAbsent, map};
use crate::{Cursor, FileId, RecordId};

map! {
    /// Params of `deks.get` and `deks.getFiles`.
    pub struct DeksGetParams<'b> {
        /// Space id, in any textual UUID form.
        "space" => space: &'b str as Required,
        /// UCAN text, at most [`limits::UCAN_TEXT`](crate::limits::UCAN_TEXT) bytes; a longer text counts as an invalid chain.
        "ucan" => ucan: Option<&'b str> as NonEmpty,
        /// Home server of the space according to the client; absent: this server (protocol §4.21).
        "home_server" => home_server: Option<&'b str> as NonEmpty,
        /// Exclusive lower bound of the cursors listed; up to 2^63 − 1.
        "since" => since: u64 as ZeroIsAbsent,
    }

    /// Chunk `deks.record`, decoded by older clients: one spelling only.
    pub struct DekRecord<'b> {
        /// Record id.
        "id" => id: RecordId as Required,
        /// Wrapped data key.
        "dek" => dek: &'b [u8] as Required,
        /// Cursor of the last change.
        "seq" => seq: Cursor as Required,
    }

    /// Chunk `deks.files.record`, decoded by older clients: one spelling only.
    pub struct FileDekRecord<'b> {
        /// File id.
        "id" => id: FileId as Required,
        /// Wrapped data key.
        "dek" => dek: &'b [u8] as Required,
        /// Cursor of the last change.
        "cursor" => cursor: Cursor as Required,
    }

    /// Result of `deks.get`.
    pub struct DeksResult<'b> {
        /// Number of chunk frames sent for this request.
        "_chunks" => chunks: u64 as ZeroIfAbsent,
        /// All rows as a list, for newer clients; always sent, even when empty.
        "deks" => deks: Option<Vec<DekRow<'b>>> as OptionalItem,
    }

    /// Row of [`DeksResult`], decoded by newer clients: one spelling only.
    pub struct DekRow<'b> {
        /// Record id.
        "id" => id: RecordId as Required,
        /// Wrapped data key.
        "wrapped_dek" => wrapped_dek: &'b [u8] as Required,
        /// Cursor of the last change.
        "seq" => seq: Cursor as Required,
    }

    /// Result of `deks.getFiles`.
    pub struct FileDeksResult<'b> {
        /// Number of chunk frames sent for this request.
        "_chunks" => chunks: u64 as ZeroIfAbsent,
        /// All rows as a list, for newer clients; always sent, even when empty.
        "deks" => deks: Option<Vec<FileDekRow<'b>>> as OptionalItem,
    }

    /// Row of [`FileDeksResult`], decoded by newer clients: one spelling only.
    pub struct FileDekRow<'b> {
        /// File id.
        "id" => id: FileId as Required,
        /// Wrapped data key.
        "wrapped_dek" => wrapped_dek: &'b [u8] as Required,
        /// Cursor of the last change.
        "cursor" => cursor: Cursor as Required,
    }

    /// Params of `deks.rewrap` and `deks.rewrapFiles`.
    pub struct DeksRewrapParams<'b> {
        /// Space id, in any textual UUID form.
        "space" => space: &'b str as Required,
        /// UCAN text, at most [`limits::UCAN_TEXT`](crate::limits::UCAN_TEXT) bytes; a longer text counts as an invalid chain.
        "ucan" => ucan: Option<&'b str> as NonEmpty,
        /// Home server of the space according to the client; absent: this server (protocol §4.21).
        "home_server" => home_server: Option<&'b str> as NonEmpty,
        /// Replacements, applied atomically.
        "deks" => deks: Vec<RewrapEntry<'b>> as Required,
    }

    /// Replacement of one wrapped key.
    pub struct RewrapEntry<'b> {
        /// Record id (hyphenated form only) or file id (any form), else a bad request.
        "id" => id: &'b str as Required,
        /// New wrapped key, 44 bytes, else a bad request.
        "dek" | "wrapped_dek" => dek: DekField<'b> as EitherDek,
        /// Wrapped key that the client read, of any length; a different stored key is a conflict.
        "observed_wrapped_dek" => observed_wrapped_dek: Option<&'b [u8]> as OptionalItem,
    }

    /// Result of `deks.rewrap` and `deks.rewrapFiles`.
    pub struct DeksRewrapResult {
        /// Constant true.
        "ok" => ok: bool as Required,
        /// Number of entries in the request.
        "count" => count: u64 as Required,
    }
}

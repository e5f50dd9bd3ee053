//! `push` (protocol §4.3; newer-clients §3.1).

use super::DekField;
use crate::cbor::{EitherDek, NonEmpty, OptionalItem, Required, StatedEpoch, ZeroIsAbsent, map};
use crate::{Cursor, Epoch};

map! {
    /// Params of `push`.
    pub struct PushParams<'b> {
        /// Space id, in any textual UUID form.
        "space" => space: &'b str as Required,
        /// UCAN text, at most [`limits::UCAN_TEXT`](crate::limits::UCAN_TEXT) bytes; a longer text counts as an invalid chain.
        "ucan" => ucan: Option<&'b str> as NonEmpty,
        /// Epoch that the writer considers current; 0 counts as absent, a negative number is invalid.
        "epoch" => epoch: Option<Epoch> as StatedEpoch,
        /// Home server of the space according to the client; absent: this server (protocol §4.21).
        "home_server" => home_server: Option<&'b str> as NonEmpty,
        /// Changes, at most [`limits::PUSH_RECORDS`](crate::limits::PUSH_RECORDS); longer lists are decoded completely.
        "changes" => changes: Vec<ChangeParams<'b>> as Required,
    }

    /// Record to write or delete.
    pub struct ChangeParams<'b> {
        /// Record id; only the hyphenated UUID form is valid.
        "id" => id: &'b str as Required,
        /// Ciphertext; `None` deletes, an empty blob is a live record.
        "blob" => blob: Option<&'b [u8]> as OptionalItem,
        /// Cursor that the writer last saw on the record; 0 for a new record; a negative number is a bad request.
        "expected_cursor" => expected_cursor: i64 as Required,
        /// Wrapped data key; any length but 44 bytes is a bad request for a live record.
        "dek" | "wrapped_dek" => dek: DekField<'b> as EitherDek,
    }

    /// Result of `push`, for success and failure alike.
    pub struct PushResult<'b> {
        /// True when every change was written.
        "ok" => ok: bool as Required,
        /// New cursor; after a conflict the current one. 0 is omitted.
        "cursor" => cursor: Cursor as ZeroIsAbsent,
        /// Text of an [`ErrorCode`](crate::ErrorCode).
        "error" => error: Option<&'b str> as NonEmpty,
    }
}

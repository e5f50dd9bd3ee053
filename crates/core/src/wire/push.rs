//! `push` (protocol §4.3; newer-clients §3.1).

use super::DekField;
use crate::Cursor;
use crate::cbor::{EitherDek, NonEmpty, OptionalItem, Required, StatedEpoch, ZeroIsAbsent, map};

map! {
    /// The params of `push`.
    pub struct PushParams<'b> {
        /// Any textual UUID form.
        "space" => space: &'b str as Required,
        /// At most [`limits::UCAN_TEXT`](crate::limits::UCAN_TEXT) bytes, else it counts as invalid.
        "ucan" => ucan: Option<&'b str> as NonEmpty,
        /// The epoch the writer believes current; never 0 or less.
        "epoch" => epoch: Option<i32> as StatedEpoch,
        /// Where the client believes the space lives (protocol §4.21).
        "home_server" => home_server: Option<&'b str> as NonEmpty,
        /// [`limits::PUSH_RECORDS`](crate::limits::PUSH_RECORDS) at most; more are decoded all the same.
        "changes" => changes: Vec<ChangeParams<'b>> as Required,
    }

    /// One record to write or delete.
    pub struct ChangeParams<'b> {
        /// Only the hyphenated UUID form is right.
        "id" => id: &'b str as Required,
        /// `None` deletes; an empty blob is a live record.
        "blob" => blob: Option<&'b [u8]> as OptionalItem,
        /// 0 for a new record; a negative number is a bad request.
        "expected_cursor" => expected_cursor: i64 as Required,
        /// 44 bytes, else a bad request for a live record.
        "dek" | "wrapped_dek" => dek: DekField<'b> as EitherDek,
    }

    /// The result of `push`, for success and failure alike.
    pub struct PushResult<'b> {
        /// Whether everything was written.
        "ok" => ok: bool as Required,
        /// The new cursor; after a conflict, the current one. 0 is omitted.
        "cursor" => cursor: Cursor as ZeroIsAbsent,
        /// The text of an [`ErrorCode`](crate::ErrorCode).
        "error" => error: Option<&'b str> as NonEmpty,
    }
}

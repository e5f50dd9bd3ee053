//! Change of one record.

use less_sync_core::{Cursor, RecordId};

use crate::RecordState;

/// Change of one record in a push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Id of the record.
    pub id: RecordId,
    /// Expected cursor of the record (compare-and-swap): its cursor when the writer last read it; [`Cursor::ZERO`] if the
    /// record must not exist yet.
    pub expected: Cursor,
    /// State of the record after the change.
    pub state: RecordState,
}

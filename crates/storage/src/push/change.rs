//! Change of one record.

use less_sync_core::{Cursor, RecordId};

use crate::RecordState;

/// Change of one record in a push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Id of the record.
    pub id: RecordId,
    /// Cursor of the record as the writer last saw it; [`Cursor::ZERO`] when the record must not exist yet.
    pub expected: Cursor,
    /// State of the record after the change.
    pub state: RecordState,
}

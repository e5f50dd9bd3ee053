//! Rows of a pull: three kinds on one timeline (storage §3.7).

use less_sync_core::Cursor;

use crate::{FileEntry, FileState, MemberEntry, PullPosition, Record, RecordState};

/// A row of a pull.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Row {
    /// A record, live or tombstone.
    Record(Record),
    /// An entry of the membership log.
    Member(MemberEntry),
    /// A file, live or tombstone.
    File(FileEntry),
}

impl Row {
    /// Rank of records among the rows of one cursor.
    pub const RECORD: u8 = 0;
    /// Rank of membership entries among the rows of one cursor.
    pub const MEMBER: u8 = 1;
    /// Rank of files among the rows of one cursor.
    pub const FILE: u8 = 2;

    /// The mutation that wrote it.
    #[must_use]
    pub fn cursor(&self) -> Cursor {
        match self {
            Self::Record(record) => record.cursor,
            Self::Member(entry) => entry.cursor,
            Self::File(file) => file.cursor,
        }
    }

    /// True for a deleted record or file.
    #[must_use]
    pub fn is_tombstone(&self) -> bool {
        match self {
            Self::Record(record) => matches!(record.state, RecordState::Tombstone),
            Self::File(file) => matches!(file.state, FileState::Tombstone),
            Self::Member(_) => false,
        }
    }

    /// Bytes that count against the budget of a page: blob and payload.
    #[must_use]
    pub fn payload_bytes(&self) -> usize {
        match self {
            Self::Record(record) => record.state.blob_bytes(),
            Self::Member(entry) => entry.payload.len(),
            Self::File(_) => 0,
        }
    }

    /// Position of a pull after this row.
    #[must_use]
    pub fn position(&self) -> PullPosition {
        let (rank, id) = match self {
            Self::Record(record) => (Self::RECORD, *record.id.as_bytes()),
            Self::Member(entry) => {
                (Self::MEMBER, u128::from(entry.chain_seq.get().unsigned_abs()).to_be_bytes())
            }
            Self::File(file) => (Self::FILE, *file.id.as_bytes()),
        };
        PullPosition { cursor: self.cursor(), rank, id }
    }
}

//! Events: the lines of a history.

use serde::{Deserialize, Serialize};

/// Line of a history. `op` identifies a request: its first line and the line of its outcome have the same, unique number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case", deny_unknown_fields)]
pub enum Event {
    /// Push about to be sent.
    Push {
        /// Number of the request.
        op: u64,
        /// Id of the space.
        space: String,
        /// Changes, each record once.
        changes: Vec<Change>,
    },
    /// Acknowledgement of a push.
    Pushed {
        /// Number of the request.
        op: u64,
        /// Cursor of the push.
        cursor: u64,
    },
    /// Rejection of a push: nothing was written.
    Rejected {
        /// Number of the request.
        op: u64,
    },
    /// Unknown outcome of a push, or failed pull.
    Lost {
        /// Number of the request.
        op: u64,
    },
    /// Pull about to be sent.
    Pull {
        /// Number of the request.
        op: u64,
        /// Id of the space.
        space: String,
        /// Cursor of the reader, exclusive; a pull from 0 excludes deleted records.
        since: u64,
    },
    /// Complete result of a pull.
    Pulled {
        /// Number of the request.
        op: u64,
        /// Upper cursor, inclusive.
        cursor: u64,
        /// Rows, in the order received.
        rows: Vec<Row>,
    },
    /// Live event of a subscription.
    Sync {
        /// Name of the subscription, unique per connection.
        subscription: String,
        /// Id of the space.
        space: String,
        /// Cursor of the space before the event.
        prev: u64,
        /// Cursor of the space after the event.
        cursor: u64,
        /// Changed records; empty for a hint to pull.
        rows: Vec<Row>,
    },
    /// Remark, ignored by the checker.
    Note {
        /// Text, such as a note that a server was killed.
        text: String,
    },
}

/// Change of one record by a push.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// Id of the record.
    pub record: String,
    /// Cursor at which the writer saw the record; 0 for a new one.
    pub expected: u64,
    /// Value that identifies the new content uniquely within the history; `None` for a deletion.
    pub value: Option<String>,
}

/// Record as seen by a client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// Id of the record.
    pub record: String,
    /// Cursor of its last change.
    pub cursor: u64,
    /// Content, as named by [`Change::value`]; `None` for a tombstone.
    pub value: Option<String>,
}

//! The lines of a history.

use serde::{Deserialize, Serialize};

/// One line. `op` numbers a request: its first line and the line of its outcome have the same one, no others do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case", deny_unknown_fields)]
pub enum Event {
    /// A push is about to be sent.
    Push {
        /// Its number.
        op: u64,
        /// Where to.
        space: String,
        /// What, each record once.
        changes: Vec<Change>,
    },
    /// It was acknowledged.
    Pushed {
        /// Which.
        op: u64,
        /// The cursor it got.
        cursor: u64,
    },
    /// It was rejected as a whole, for certain.
    Rejected {
        /// Which.
        op: u64,
    },
    /// Nobody knows whether a push took effect, or a pull has failed.
    Lost {
        /// Which.
        op: u64,
    },
    /// A pull is about to be sent.
    Pull {
        /// Its number.
        op: u64,
        /// Where from.
        space: String,
        /// Everything above this cursor; 0 leaves out what is deleted.
        since: u64,
    },
    /// It was answered, completely.
    Pulled {
        /// Which.
        op: u64,
        /// Up to where.
        cursor: u64,
        /// All its rows, in the order they came.
        rows: Vec<Row>,
    },
    /// A live event reached a subscription.
    Sync {
        /// Which subscription; a name that is used for one connection only.
        subscription: String,
        /// Of which space.
        space: String,
        /// Where the space stood before it.
        prev: u64,
        /// Where it stands after it.
        cursor: u64,
        /// What changed; nothing when the subscriber is asked to pull instead.
        rows: Vec<Row>,
    },
    /// A remark; the checker passes over it.
    Note {
        /// For instance, that something was killed.
        text: String,
    },
}

/// What a push does to one record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// Which.
    pub record: String,
    /// The cursor at which the writer saw it; 0 for a new one.
    pub expected: u64,
    /// Something that stands for its new content and for no other in this history; nothing when it is deleted.
    pub value: Option<String>,
}

/// A record as somebody saw it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// Which.
    pub record: String,
    /// Cursor of its last change.
    pub cursor: u64,
    /// Its content, as [`Change::value`] named it.
    pub value: Option<String>,
}

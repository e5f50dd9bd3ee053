//! Values of the maintenance of a database by its operator (operations §10.1).

/// State of the rewrap of a space, and the keys that it has not replaced yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RewrapState {
    /// Current epoch.
    pub key_generation: i32,
    /// Minimum epoch of a push to a shared space.
    pub min_key_generation: i32,
    /// Epoch of the pending rewrap; `None` if none is pending.
    pub rewrap_epoch: Option<i32>,
    /// Live records with a key of an epoch before the pending one.
    pub records: u64,
    /// Live files with a key of an epoch before the pending one.
    pub files: u64,
}

/// Size of a database before and after it was compacted, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compacted {
    /// Size before.
    pub before: u64,
    /// Size after.
    pub after: u64,
}

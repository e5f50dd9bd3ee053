//! Live files of a database copy, as backups list them (operations §12).

use crate::LiveObject;

/// A live file in a consistent copy of a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotFile {
    /// The file and the name of its object.
    pub object: LiveObject,
    /// SHA-256 of the object, if the database has it.
    pub sha256: Option<[u8; 32]>,
}

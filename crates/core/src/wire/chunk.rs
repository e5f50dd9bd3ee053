//! Names of chunks (protocol §5.2).

/// Begins the stream of one space.
pub const PULL_BEGIN: &str = "pull.begin";
/// A record, live or deleted.
pub const PULL_RECORD: &str = "pull.record";
/// An entry of the membership log.
pub const PULL_MEMBERSHIP: &str = "pull.membership";
/// A file, live or deleted.
pub const PULL_FILE: &str = "pull.file";
/// Ends the stream of one space.
pub const PULL_COMMIT: &str = "pull.commit";
/// The wrapped key of a record.
pub const DEKS_RECORD: &str = "deks.record";
/// The wrapped key of a file.
pub const DEKS_FILES_RECORD: &str = "deks.files.record";

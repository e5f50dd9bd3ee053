//! Names of chunks (protocol §5.2).

/// Start of the stream of one space.
pub const PULL_BEGIN: &str = "pull.begin";
/// Record, live or deleted.
pub const PULL_RECORD: &str = "pull.record";
/// Entry of the membership log.
pub const PULL_MEMBERSHIP: &str = "pull.membership";
/// File, live or deleted.
pub const PULL_FILE: &str = "pull.file";
/// End of the stream of one space.
pub const PULL_COMMIT: &str = "pull.commit";
/// Wrapped key of a record.
pub const DEKS_RECORD: &str = "deks.record";
/// Wrapped key of a file.
pub const DEKS_FILES_RECORD: &str = "deks.files.record";

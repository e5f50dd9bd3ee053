//! Durability settings (operations §2.3): the policy for file systems that cannot synchronise directories.

use std::path::Path;

use less_sync_disk::DirectorySync;

use super::reader::Reader;

/// Name of the switch.
const NAME: &str = "ALLOW_UNSYNCED_DIRECTORIES";

/// Reads the policy of a server, which reports the first such directory in its log.
pub(super) fn directory_sync(reader: &mut Reader<'_>) -> DirectorySync {
    policy(reader, |directory| {
        tracing::warn!(
            directory = %directory.display(),
            "file system cannot synchronise directories: acknowledged writes may be missing after a power failure"
        );
    })
}

/// Reads the policy of a process that passes the first such directory to `report`.
pub(super) fn policy(reader: &mut Reader<'_>, report: fn(&Path)) -> DirectorySync {
    if reader.switch(NAME, false) { DirectorySync::best_effort(report) } else { DirectorySync::required() }
}

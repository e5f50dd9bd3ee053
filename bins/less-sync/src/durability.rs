//! Durability of the files that the toolbox writes: as far as their file system has it.

use std::path::Path;
use std::sync::LazyLock;

use less_sync_disk::DirectorySync;

use crate::output::message;

/// Policy of the whole process, so that a user reads one warning per command.
static DIRECTORIES: LazyLock<DirectorySync> = LazyLock::new(|| DirectorySync::best_effort(warn));

/// Synchronisation of directories, with a warning on standard error for the first one whose file system has none.
pub(crate) fn directory_sync() -> DirectorySync {
    DIRECTORIES.clone()
}

fn warn(directory: &Path) {
    message(&warning(directory));
}

fn warning(directory: &Path) -> String {
    let shown = directory.display();
    format!(
        "warning: the file system of {shown} cannot synchronise directories: a power failure soon after may undo what was written"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warning_names_the_directory_and_the_consequence() {
        let text = warning(Path::new("/mnt/share"));
        assert!(text.starts_with("warning: the file system of /mnt/share cannot synchronise directories"));
        assert!(text.contains("power failure"));
    }
}

//! Files and directories that only their owner can access.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

/// Mode of files: read and write for the owner.
const FILE: u32 = 0o600;

/// Mode of directories: all for the owner.
const DIRECTORY: u32 = 0o700;

/// Creates a file with mode 0600 for writing. An existing one stays.
///
/// # Errors
/// The file exists, or cannot be created.
pub fn create_private(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(FILE).open(path)
}

/// Opens a file for writing without changing its content, creating it with mode 0600 if it is missing.
///
/// # Errors
/// The file cannot be opened or created.
pub fn open_private(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(false).mode(FILE).open(path)
}

/// Creates a directory and its missing parents with mode 0700. Existing ones keep their mode.
///
/// # Errors
/// A directory cannot be created.
pub fn create_private_directory(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(DIRECTORY).create(path)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::ErrorKind;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn files_are_for_their_owner_only_and_existing_ones_stay() {
        let folder = tempfile::tempdir().unwrap();
        for (name, open) in
            [("a", create_private as fn(&Path) -> io::Result<File>), ("b", open_private as fn(&Path) -> _)]
        {
            let path = folder.path().join(name);
            open(&path).unwrap();
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
            fs::write(&path, "content").unwrap();
            match open(&path) {
                Ok(_) => assert_eq!(name, "b"),
                Err(error) => assert_eq!((name, error.kind()), ("a", ErrorKind::AlreadyExists)),
            }
            assert_eq!(fs::read_to_string(&path).unwrap(), "content");
        }
    }
}

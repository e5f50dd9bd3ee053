//! Atomic, durable replacement of private files.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, fchown};
use std::path::Path;

use tempfile::NamedTempFile;

use crate::directory_sync::DirectorySync;
use crate::replaceable::replaceable;

/// Replaces the content of a file atomically and durably; afterwards only its owner can access it. A link is followed, as by
/// [`replaceable`].
///
/// The file keeps its owner, and a new one gets that of its folder, as far as the process may give files away: root can
/// maintain the files of a service.
///
/// # Errors
/// The file cannot be written or renamed, or `path` leads to something other than a regular file.
pub fn replace_private(path: &Path, content: &[u8], sync: &DirectorySync) -> io::Result<()> {
    let path = &replaceable(path)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Temporary files are created with mode 0600.
    let mut file = NamedTempFile::new_in(folder)?;
    give_away(file.as_file(), if path.exists() { path } else { folder })?;
    file.write_all(content)?;
    // The content must be durable before the rename, and the rename before the caller relies on the content.
    file.as_file().sync_all()?;
    file.persist(path)?;
    sync.synchronise(folder)
}

/// Gives `file` to the owner of `like`, if this process is root.
fn give_away(file: &File, like: &Path) -> io::Result<()> {
    let (ours, theirs) = (file.metadata()?, fs::metadata(like)?);
    if ours.uid() != 0 || ours.uid() == theirs.uid() {
        return Ok(());
    }
    fchown(file, Some(theirs.uid()), Some(theirs.gid()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, chown};

    use super::*;

    #[test]
    fn replaced_file_is_private_and_keeps_its_owner() {
        const OTHER: u32 = 65_534;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let sync = DirectorySync::required();
        let is_root = fs::metadata(folder.path()).unwrap().uid() == 0;
        if is_root {
            chown(folder.path(), Some(OTHER), Some(OTHER)).unwrap();
        }
        let owner = fs::metadata(folder.path()).unwrap().uid();
        for content in ["one", "two"] {
            replace_private(&path, content.as_bytes(), &sync).unwrap();
            let found = fs::metadata(&path).unwrap();
            assert_eq!((found.permissions().mode() & 0o777, found.uid()), (0o600, owner));
            assert_eq!(fs::read_to_string(&path).unwrap(), content);
            fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}

//! Files that appear with their whole content, or not at all.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::Path;

use crate::{DirectorySync, replaceable};

/// Creates a file with mode 0600, durably, with what `write` writes. An existing one stays.
///
/// The content goes to a temporary file in the same directory, which gets its name once it is synchronised: a crash leaves
/// either no file at `path` or the whole one. A temporary file may be left, whose name begins with `.tmp`.
///
/// # Errors
/// `path` exists ([`ErrorKind::AlreadyExists`]), or is a link; `write` fails; the file cannot be created or synchronised, or its
/// directory not be synchronised.
pub fn create_complete(
    path: &Path,
    sync: &DirectorySync,
    write: impl FnOnce(&mut File) -> io::Result<()>,
) -> io::Result<()> {
    // Before anything is written; the rename below decides.
    if replaceable(path)?.try_exists()? {
        return Err(ErrorKind::AlreadyExists.into());
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    // Temporary files are created with mode 0600.
    let mut file = tempfile::NamedTempFile::new_in(parent.unwrap_or(Path::new(".")))?;
    write(file.as_file_mut())?;
    // The content must be durable before the name.
    file.as_file().sync_all()?;
    file.persist_noclobber(path)?;
    sync.synchronise_parent(path)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write as _;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn file_appears_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let sync = DirectorySync::required();
        let half = create_complete(&path, &sync, |file| {
            file.write_all(b"sec")?;
            assert!(!path.exists(), "visible before it is complete");
            Err(ErrorKind::StorageFull.into())
        });
        assert_eq!(half.unwrap_err().kind(), ErrorKind::StorageFull);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left");
        create_complete(&path, &sync, |file| file.write_all(b"secret")).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"secret");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn existing_file_stays_whenever_it_appeared() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let sync = DirectorySync::required();
        let late = create_complete(&path, &sync, |_| fs::write(&path, "first"));
        assert_eq!(late.unwrap_err().kind(), ErrorKind::AlreadyExists);
        let again = create_complete(&path, &sync, |_| unreachable!("the file exists"));
        assert_eq!(again.unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"first");
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(folder.path().join("missing"), &link).unwrap();
        assert!(create_complete(&link, &sync, |_| Ok(())).is_err());
    }
}

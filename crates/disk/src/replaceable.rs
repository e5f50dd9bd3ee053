//! Paths at which a file may be replaced.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// Path of the regular file that `path` leads to, or `path` itself if nothing is there.
///
/// A link is followed, as by `cp`, so that it stays and its target is replaced. A device, a pipe or a socket would become a
/// regular file, and is rejected.
///
/// # Errors
/// `path` leads to something other than a regular file, or cannot be read.
pub fn replaceable(path: &Path) -> io::Result<PathBuf> {
    match path.symlink_metadata() {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(path.to_owned()),
        Err(error) => return Err(error),
        Ok(found) if found.is_file() => return Ok(path.to_owned()),
        Ok(_) => {}
    }
    let dangling = || io::Error::new(ErrorKind::NotFound, "link to a missing file");
    let found = path.canonicalize();
    let target =
        found.map_err(|error| if error.kind() == ErrorKind::NotFound { dangling() } else { error })?;
    if target.metadata()?.is_file() {
        return Ok(target);
    }
    Err(io::Error::new(ErrorKind::InvalidInput, "not a regular file"))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn links_are_followed_and_special_files_are_rejected() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        assert_eq!(replaceable(&at("new")).unwrap(), at("new"));
        fs::write(at("file"), "old").unwrap();
        assert_eq!(replaceable(&at("file")).unwrap(), at("file"));
        symlink(at("file"), at("link")).unwrap();
        assert_eq!(replaceable(&at("link")).unwrap(), at("file").canonicalize().unwrap());
        fs::remove_file(at("file")).unwrap();
        assert_eq!(replaceable(&at("link")).unwrap_err().to_string(), "link to a missing file");
        let _socket = UnixListener::bind(at("socket")).unwrap();
        for path in [&at("socket"), Path::new("/dev/null"), folder.path()] {
            assert_eq!(replaceable(path).unwrap_err().to_string(), "not a regular file", "{path:?}");
        }
    }
}

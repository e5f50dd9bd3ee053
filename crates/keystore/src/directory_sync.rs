//! Durability of renames in a directory, as far as its file system gives it.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::Path;

/// Makes creations and renames in `directory` durable. Some network file systems refuse to synchronise a directory; there
/// a rename is as durable as they make it.
///
/// # Errors
/// All other failures of the file system.
pub fn synchronise_directory(directory: &Path) -> io::Result<()> {
    unless_refused(File::open(directory)?.sync_all())
}

fn unless_refused(synchronised: io::Result<()>) -> io::Result<()> {
    match synchronised {
        // EINVAL, EOPNOTSUPP
        Err(error) if matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported) => Ok(()),
        synchronised => synchronised,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusal_to_synchronise_is_no_failure() {
        const EIO: i32 = 5;
        const EINVAL: i32 = 22;
        const ENOSPC: i32 = 28;
        const EOPNOTSUPP: i32 = 95;
        for (code, tolerated) in [(EIO, false), (EINVAL, true), (ENOSPC, false), (EOPNOTSUPP, true)] {
            let outcome = unless_refused(Err(io::Error::from_raw_os_error(code)));
            assert_eq!(outcome.is_ok(), tolerated, "{code}");
        }
        synchronise_directory(tempfile::tempdir().unwrap().path()).unwrap();
    }
}

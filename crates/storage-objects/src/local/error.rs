//! Mapping of file system errors to [`BlobError`].

use std::io::{self, ErrorKind};

use less_sync_storage::BlobError;
use rustix::io::Errno;

/// Maps an error of any operation but the opening of an object.
pub(super) fn blob_error(error: io::Error) -> BlobError {
    if matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded) {
        BlobError::Full(Box::new(error))
    } else if is_transient(&error) {
        BlobError::Unavailable(Box::new(error))
    } else {
        BlobError::Failed(Box::new(error))
    }
}

/// Maps an error of the opening of an object.
pub(super) fn open_error(error: io::Error) -> BlobError {
    if is_missing(&error) { BlobError::NotFound } else { blob_error(error) }
}

/// Returns true if the name does not exist.
pub(super) fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

/// Returns true if a retry may help: too many open files, or an unreachable network file system.
fn is_transient(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw_os_error);
    matches!(errno, Some(Errno::MFILE | Errno::NFILE | Errno::STALE))
        || matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::ResourceBusy)
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;
    use std::io::Write;

    use super::*;

    fn of(errno: Errno) -> BlobError {
        blob_error(errno.into())
    }

    #[test]
    fn full_disk_and_spent_quota_are_full() {
        assert!(matches!(of(Errno::NOSPC), BlobError::Full(_)));
        assert!(matches!(of(Errno::DQUOT), BlobError::Full(_)));
    }

    #[test]
    fn full_device_is_full() {
        let error = OpenOptions::new().write(true).open("/dev/full").unwrap().write_all(b"x").unwrap_err();
        assert!(matches!(blob_error(error), BlobError::Full(_)));
    }

    #[test]
    fn transient_errors_are_unavailable() {
        for errno in [Errno::MFILE, Errno::NFILE, Errno::STALE, Errno::TIMEDOUT, Errno::BUSY] {
            assert!(matches!(of(errno), BlobError::Unavailable(_)), "{errno}");
        }
    }

    #[test]
    fn other_errors_are_failures() {
        for errno in [Errno::IO, Errno::ROFS, Errno::ACCESS, Errno::NOENT] {
            assert!(matches!(of(errno), BlobError::Failed(_)), "{errno}");
        }
    }

    #[test]
    fn only_opening_reports_a_missing_object() {
        for errno in [Errno::NOENT, Errno::NOTDIR] {
            assert!(matches!(open_error(errno.into()), BlobError::NotFound), "{errno}");
        }
        assert!(matches!(open_error(Errno::ACCESS.into()), BlobError::Failed(_)));
    }
}

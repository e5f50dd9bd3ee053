//! Synchronisation of directories, and the policy for file systems without it (storage §4.8, §8).

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::private_file::create_private_directory;

/// Synchronisation of directories: makes the creations, renames and removals in them durable.
///
/// Some network file systems and file systems in user space reject `fsync` of a directory (EINVAL, EOPNOTSUPP). Clones share
/// one policy for them, and the report of the first such directory.
#[derive(Clone, Debug)]
pub struct DirectorySync {
    operation: fn(&Path) -> io::Result<()>,
    policy: Policy,
    reported: Arc<AtomicBool>,
}

#[derive(Clone, Copy, Debug)]
enum Policy {
    Required,
    BestEffort { report: fn(&Path) },
}

/// A directory whose file system does not synchronise directories.
#[derive(Debug, thiserror::Error)]
#[error(
    "the file system of {} cannot synchronise directories: after a power failure, acknowledged writes may be missing",
    directory.display()
)]
pub struct UnsyncedDirectory {
    /// The directory.
    pub directory: PathBuf,
    /// Error of the operating system.
    #[source]
    pub source: io::Error,
}

impl DirectorySync {
    /// Synchronisation that fails with [`UnsyncedDirectory`] on a file system without it.
    #[must_use]
    pub fn required() -> Self {
        Self::with_policy(Policy::Required)
    }

    /// Synchronisation as far as the file system has it. The first directory without it is passed to `report`, once.
    #[must_use]
    pub fn best_effort(report: fn(&Path)) -> Self {
        Self::with_policy(Policy::BestEffort { report })
    }

    fn with_policy(policy: Policy) -> Self {
        Self { operation: fsync, policy, reported: Arc::default() }
    }

    /// Replaces the `fsync` of a directory, for tests with faults.
    #[must_use]
    pub fn with_operation(self, operation: fn(&Path) -> io::Result<()>) -> Self {
        Self { operation, ..self }
    }

    /// Makes the creations, renames and removals in `directory` durable.
    ///
    /// # Errors
    /// The directory cannot be opened or synchronised; [`UnsyncedDirectory`] within an error of the kind `Unsupported` where
    /// synchronisation is required and the file system has none.
    pub fn synchronise(&self, directory: &Path) -> io::Result<()> {
        let source = match (self.operation)(directory) {
            // EINVAL, EOPNOTSUPP, ENOSYS
            Err(error) if matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported) => error,
            outcome => return outcome,
        };
        match self.policy {
            Policy::Required => {
                let unsynced = UnsyncedDirectory { directory: directory.to_owned(), source };
                Err(io::Error::new(ErrorKind::Unsupported, unsynced))
            }
            Policy::BestEffort { report } => {
                if !self.reported.swap(true, Ordering::Relaxed) {
                    report(directory);
                }
                Ok(())
            }
        }
    }

    /// Makes the name of the file at `path` durable.
    ///
    /// # Errors
    /// As [`DirectorySync::synchronise`].
    pub fn synchronise_parent(&self, path: &Path) -> io::Result<()> {
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        self.synchronise(parent.unwrap_or(Path::new(".")))
    }

    /// Creates a directory and its missing parents with mode 0700, durably; returns its path without symbolic links. Existing
    /// parents are not synchronised: the process may lack the permission to open them.
    ///
    /// # Errors
    /// A directory cannot be created, or its parent not be synchronised.
    pub fn create(&self, directory: &Path) -> io::Result<PathBuf> {
        let is_missing = |above: &&Path| !above.as_os_str().is_empty() && !above.exists();
        let missing = directory.ancestors().take_while(is_missing).count();
        create_private_directory(directory)?;
        let found = fs::canonicalize(directory)?;
        found.ancestors().skip(1).take(missing).try_for_each(|above| self.synchronise(above))?;
        Ok(found)
    }
}

fn fsync(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;
    use std::sync::atomic::AtomicUsize;

    use super::*;

    const EIO: i32 = 5;

    fn unsupported(_directory: &Path) -> io::Result<()> {
        const EINVAL: i32 = 22;
        Err(io::Error::from_raw_os_error(EINVAL))
    }

    fn broken(_directory: &Path) -> io::Result<()> {
        Err(io::Error::from_raw_os_error(EIO))
    }

    #[test]
    fn missing_support_is_an_error_that_names_the_directory_and_keeps_its_cause() {
        for code in [22, 38, 95] {
            let error = UnsyncedDirectory {
                directory: "/mnt/share".into(),
                source: io::Error::from_raw_os_error(code),
            };
            assert!(
                matches!(error.source.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported),
                "{code}"
            );
        }
        let sync = DirectorySync::required().with_operation(unsupported);
        let error = sync.synchronise(Path::new("/mnt/share")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        let unsynced = error.get_ref().unwrap().downcast_ref::<UnsyncedDirectory>().unwrap();
        assert_eq!(unsynced.source.raw_os_error(), Some(22));
        assert!(
            error.to_string().starts_with("the file system of /mnt/share cannot synchronise directories")
        );
    }

    #[test]
    fn best_effort_reports_the_first_directory_without_support_once() {
        static REPORTS: AtomicUsize = AtomicUsize::new(0);
        let report = |directory: &Path| {
            assert_eq!(directory, Path::new("/a"));
            REPORTS.fetch_add(1, Ordering::Relaxed);
        };
        let sync = DirectorySync::best_effort(report).with_operation(unsupported);
        sync.synchronise(Path::new("/a")).unwrap();
        sync.clone().synchronise(Path::new("/b")).unwrap();
        assert_eq!(REPORTS.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn other_failures_are_errors_under_both_policies() {
        for sync in [DirectorySync::required(), DirectorySync::best_effort(|_| ())] {
            let error = sync.with_operation(broken).synchronise(Path::new("/a")).unwrap_err();
            assert_eq!(error.raw_os_error(), Some(EIO));
        }
    }

    #[test]
    fn directories_of_this_machine_are_synchronised() {
        let folder = tempfile::tempdir().unwrap();
        let sync = DirectorySync::required();
        sync.synchronise(folder.path()).unwrap();
        sync.synchronise_parent(&folder.path().join("file")).unwrap();
        sync.synchronise_parent(Path::new("file")).unwrap();
        assert_eq!(sync.synchronise(&folder.path().join("none")).unwrap_err().kind(), ErrorKind::NotFound);
    }

    #[test]
    fn created_directories_are_private_and_their_parents_synchronised() {
        let folder = tempfile::tempdir().unwrap();
        let sync = DirectorySync::required();
        let made = sync.create(&folder.path().join("a/b")).unwrap();
        for name in ["a", "a/b"] {
            let found = fs::metadata(folder.path().join(name)).unwrap();
            assert_eq!(found.permissions().mode() & 0o777, 0o700, "{name}");
        }
        // An existing directory needs no synchronisation of its parents.
        let unsynced = sync.with_operation(unsupported);
        assert_eq!(unsynced.create(&folder.path().join("a/b")).unwrap(), made);
        assert!(unsynced.create(&folder.path().join("a/c")).is_err());
    }
}

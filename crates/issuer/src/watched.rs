//! Parsed content of a file that is read again when it changes.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use crate::private_json::{FileError, Stamp, read};

/// Content of a file, parsed once per version of the file. A version that is invalid is reported once, and the one before
/// stays in use.
pub(crate) struct Watched<T> {
    path: PathBuf,
    parse: fn(&str) -> Result<T, String>,
    state: Mutex<State<T>>,
}

struct State<T> {
    content: Option<Arc<T>>,
    /// Version of the last attempt to read the file.
    seen: Option<Stamp>,
}

impl<T> Watched<T> {
    pub(crate) fn new(path: PathBuf, parse: fn(&str) -> Result<T, String>) -> Self {
        Self { path, parse, state: Mutex::new(State { content: None, seen: None }) }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Content of the current version, else of the last valid one; `None` without a file.
    ///
    /// # Errors
    /// No version was valid yet.
    pub(crate) fn current(&self) -> Result<Option<Arc<T>>, FileError> {
        let mut state = self.state.lock();
        let State { content, seen } = &mut *state;
        let outcome = Stamp::at(&self.path).and_then(|stamp| {
            if stamp.is_some() && stamp == *seen && content.is_some() {
                return Ok(content.clone());
            }
            *seen = stamp;
            let Some((text, stamp)) = read(&self.path)? else { return Ok(None) };
            *seen = Some(stamp);
            let parsed = (self.parse)(&text);
            parsed
                .map(|parsed| Some(Arc::new(parsed)))
                .map_err(|reason| FileError::Invalid { path: self.path.clone(), reason })
        });
        match (outcome, &*content) {
            (Ok(current), _) => {
                content.clone_from(&current);
                Ok(current)
            }
            (Err(error), Some(before)) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "failed to reload a file of the issuer"
                );
                Ok(Some(before.clone()))
            }
            (Err(error), None) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt as _;

    use less_sync_disk::DirectorySync;

    use super::*;
    use crate::private_json::replace;

    fn number(text: &str) -> Result<u32, String> {
        text.trim().parse().map_err(|_| "not a number".to_owned())
    }

    #[test]
    fn changes_are_taken_over_and_an_invalid_version_leaves_the_one_before() {
        let folder = tempfile::tempdir().unwrap();
        let watched = Watched::new(folder.path().join("file"), number);
        let current = || watched.current().unwrap().map(|content| *content);
        let sync = DirectorySync::required();
        assert_eq!(current(), None);
        for (written, expected) in [("1", 1), ("2", 2), ("x", 2), ("30", 30)] {
            std::fs::write(watched.path(), written).unwrap();
            std::fs::set_permissions(watched.path(), Permissions::from_mode(0o600)).unwrap();
            assert_eq!((current(), current()), (Some(expected), Some(expected)), "{written}");
        }
        // An atomic replacement of the same length.
        replace(watched.path(), &31, &sync).unwrap();
        assert_eq!(current(), Some(31));
        std::fs::remove_file(watched.path()).unwrap();
        assert_eq!(current(), None);
    }

    #[test]
    fn first_version_must_be_valid_and_private() {
        let folder = tempfile::tempdir().unwrap();
        let watched = Watched::new(folder.path().join("file"), number);
        std::fs::write(watched.path(), "x").unwrap();
        std::fs::set_permissions(watched.path(), Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(watched.current(), Err(FileError::Exposed { mode: 0o640, .. })));
        std::fs::set_permissions(watched.path(), Permissions::from_mode(0o600)).unwrap();
        let error = watched.current().unwrap_err().to_string();
        assert!(error.ends_with("file: not a number"), "{error}");
    }
}

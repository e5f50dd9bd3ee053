//! Who decides whether an object comes to be: its writer or the one who dropped the writer.

use std::io;
use std::sync::Arc;

use less_sync_storage::BlobError;
use parking_lot::Mutex;

use super::error::blob_error;
use crate::Violation;

/// What has become of an upload. Shared by a writer and by the work that it has begun, which goes on when the writer is
/// dropped.
#[derive(Clone, Debug, Default)]
pub(super) struct Fate(Arc<Mutex<Outcome>>);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Outcome {
    #[default]
    Open,
    Published,
    GivenUp,
}

impl Fate {
    /// Takes a step that leaves a trace, unless the upload was given up. Nobody gives up meanwhile, so a step is short.
    pub(super) fn proceed<T>(&self, step: impl FnOnce() -> io::Result<T>) -> Result<T, BlobError> {
        self.0.lock().proceed(step)
    }

    /// Takes the step that makes the object visible.
    pub(super) fn publish(&self, step: impl FnOnce() -> io::Result<()>) -> Result<(), BlobError> {
        let mut outcome = self.0.lock();
        outcome.proceed(step)?;
        *outcome = Outcome::Published;
        Ok(())
    }

    /// After this no step is taken.
    pub(super) fn give_up(&self) {
        let mut outcome = self.0.lock();
        if *outcome == Outcome::Open {
            *outcome = Outcome::GivenUp;
        }
    }

    pub(super) fn is_published(&self) -> bool {
        *self.0.lock() == Outcome::Published
    }
}

impl Outcome {
    fn proceed<T>(self, step: impl FnOnce() -> io::Result<T>) -> Result<T, BlobError> {
        if self == Self::GivenUp {
            return Err(Violation::GivenUp.into());
        }
        step().map_err(blob_error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn upload_that_was_given_up_takes_no_step() {
        let fate = Fate::default();
        assert_eq!(fate.proceed(|| Ok(1)).unwrap(), 1);
        fate.give_up();
        assert!(fate.proceed(|| -> io::Result<()> { panic!("not to be called") }).is_err());
        assert!(fate.publish(|| panic!("not to be called")).is_err());
        assert!(!fate.is_published());
    }

    #[test]
    fn upload_that_was_published_is_not_given_up() {
        let fate = Fate::default();
        fate.publish(|| Ok(())).unwrap();
        fate.give_up();
        assert!(fate.is_published());
    }

    #[test]
    fn failed_publication_can_be_given_up() {
        let fate = Fate::default();
        assert!(fate.publish(|| Err(io::ErrorKind::NotFound.into())).is_err());
        assert!(!fate.is_published());
        fate.give_up();
        assert!(fate.proceed(|| Ok(())).is_err());
    }
}

//! State of an upload: decides the race between publishing an object and aborting its upload.

use std::io;
use std::sync::Arc;

use less_sync_storage::BlobError;
use parking_lot::Mutex;

use super::error::blob_error;
use crate::Violation;

/// State of an upload, shared by its writer and the blocking work that it started, which continues after the writer is
/// dropped.
#[derive(Clone, Debug, Default)]
pub(super) struct UploadState(Arc<Mutex<State>>);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Open,
    Published,
    Aborted,
}

impl UploadState {
    /// Runs a step with a visible effect unless the upload was aborted. Holds the lock meanwhile, so that an abort cannot
    /// happen between the check and the effect; steps must be short.
    pub(super) fn run_step<T>(&self, step: impl FnOnce() -> io::Result<T>) -> Result<T, BlobError> {
        self.0.lock().run_step(step)
    }

    /// Runs the step that makes the object visible.
    pub(super) fn publish(&self, step: impl FnOnce() -> io::Result<()>) -> Result<(), BlobError> {
        let mut state = self.0.lock();
        state.run_step(step)?;
        *state = State::Published;
        Ok(())
    }

    /// Aborts the upload unless it is published; no step runs after this.
    pub(super) fn abort(&self) {
        let mut state = self.0.lock();
        if *state == State::Open {
            *state = State::Aborted;
        }
    }

    pub(super) fn is_published(&self) -> bool {
        *self.0.lock() == State::Published
    }
}

impl State {
    fn run_step<T>(self, step: impl FnOnce() -> io::Result<T>) -> Result<T, BlobError> {
        if self == Self::Aborted {
            return Err(Violation::Aborted.into());
        }
        step().map_err(blob_error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aborted_upload_runs_no_step() {
        let state = UploadState::default();
        assert_eq!(state.run_step(|| Ok(1)).unwrap(), 1);
        state.abort();
        assert!(state.run_step(|| -> io::Result<()> { panic!("not to be called") }).is_err());
        assert!(state.publish(|| panic!("not to be called")).is_err());
        assert!(!state.is_published());
    }

    #[test]
    fn published_upload_is_not_aborted() {
        let state = UploadState::default();
        state.publish(|| Ok(())).unwrap();
        state.abort();
        assert!(state.is_published());
    }

    #[test]
    fn failed_publication_can_be_aborted() {
        let state = UploadState::default();
        assert!(state.publish(|| Err(io::ErrorKind::NotFound.into())).is_err());
        assert!(!state.is_published());
        state.abort();
        assert!(state.run_step(|| Ok(())).is_err());
    }
}

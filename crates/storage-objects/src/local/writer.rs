//! Writer of an object in a directory: double-buffered, with early synchronisation.

use std::mem;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use less_sync_storage::{BlobError, BlobWriter, DiskSpace};
use tokio::task::JoinHandle;

use super::blocking;
use super::error::blob_error;
use super::staged::Staged;
use super::store::Store;
use super::upload_state::UploadState;
use crate::object_path::ObjectPath;
use crate::{PIECE, Violation};

/// Bytes between two early synchronisations, which spread the disk writes over the upload instead of its end.
const SYNC_INTERVAL: usize = 8 * 1024 * 1024;

/// Writer with two buffers of at most [`PIECE`] bytes: one is filled while the other is written.
///
/// An object that fits into one buffer is created, written and renamed by `finish` in one step. Most objects therefore cost
/// two visits to the blocking pool, one of them for the free space.
pub(super) struct LocalWriter {
    store: Arc<Store>,
    name: ObjectPath,
    size: u64,
    accepted: u64,
    buffer: Vec<u8>,
    /// Staging file; `None` for an object of one buffer.
    staged: Option<Arc<Staged>>,
    /// Write of the other buffer in progress; returns the empty buffer.
    writing: Option<JoinHandle<Result<Vec<u8>, BlobError>>>,
    /// Bytes written since the last early synchronisation.
    unsynchronised: usize,
    /// Early synchronisation in progress, concurrent with writes.
    synchronising: Option<JoinHandle<Result<(), BlobError>>>,
    state: UploadState,
}

impl LocalWriter {
    pub(super) async fn create(store: Arc<Store>, name: ObjectPath, size: u64) -> Result<Self, BlobError> {
        let (state, buffer) = (UploadState::default(), Vec::with_capacity(buffer_for(size)));
        // Constructed before the await: dropping this future drops the writer, which aborts the upload.
        let mut writer = Self {
            store,
            name,
            size,
            accepted: 0,
            buffer,
            staged: None,
            writing: None,
            unsynchronised: 0,
            synchronising: None,
            state,
        };
        let (store, name, state) = (Arc::clone(&writer.store), writer.name.clone(), writer.state.clone());
        writer.staged = blocking::run(move || begin(&store, &name, size, state)).await?;
        Ok(writer)
    }

    /// Starts the write of the full buffer and continues with the other one.
    async fn swap_buffers(&mut self) -> Result<(), BlobError> {
        let spare = self.finish_write().await?;
        let Some(staged) = self.staged.clone() else { return Err(Violation::Aborted.into()) };
        self.synchronise_early(&staged).await?;
        let mut full = mem::replace(&mut self.buffer, spare);
        self.unsynchronised += full.len();
        self.writing = Some(blocking::start(move || {
            staged.append(&full)?;
            full.clear();
            Ok(full)
        }));
        Ok(())
    }

    /// Starts an early synchronisation if enough was written and none is in progress.
    async fn synchronise_early(&mut self, staged: &Staged) -> Result<(), BlobError> {
        let is_busy = self.synchronising.as_ref().is_some_and(|running| !running.is_finished());
        if self.unsynchronised < SYNC_INTERVAL || is_busy {
            return Ok(());
        }
        self.synchronised().await?;
        self.unsynchronised = 0;
        // A second descriptor, so that the synchronisation may outlive the staging file, which an abort removes.
        let file = staged.handle()?;
        self.synchronising = Some(blocking::start(move || file.sync_data().map_err(blob_error)));
        Ok(())
    }

    /// Waits for the synchronisation in progress. Its error must not be lost: the kernel reports a failed write-back only
    /// once, and a later `sync_all` would succeed.
    async fn synchronised(&mut self) -> Result<(), BlobError> {
        match self.synchronising.take() {
            Some(running) => blocking::joined(running.await),
            None => Ok(()),
        }
    }

    /// Waits for the write in progress and returns an empty buffer.
    async fn finish_write(&mut self) -> Result<Vec<u8>, BlobError> {
        let Some(writing) = &mut self.writing else { return Ok(Vec::with_capacity(PIECE)) };
        // Awaited in place and cleared after: if this future is dropped, the write is still known to the next call.
        let written = blocking::joined(writing.await);
        self.writing = None;
        written
    }
}

#[async_trait]
impl BlobWriter for LocalWriter {
    async fn write(&mut self, mut bytes: Bytes) -> Result<(), BlobError> {
        if bytes.len() as u64 > self.size - self.accepted {
            self.state.abort();
            return Err(Violation::TooLong.into());
        }
        while !bytes.is_empty() {
            if self.buffer.len() == PIECE {
                self.swap_buffers().await?;
            }
            let length = bytes.len().min(PIECE - self.buffer.len());
            self.buffer.extend_from_slice(&bytes.split_to(length));
            self.accepted += length as u64;
        }
        Ok(())
    }

    async fn finish(mut self: Box<Self>) -> Result<(), BlobError> {
        self.finish_write().await?;
        self.synchronised().await?;
        let (store, name, size) = (Arc::clone(&self.store), self.name.clone(), self.size);
        let (staged, rest, state) = (self.staged.take(), mem::take(&mut self.buffer), self.state.clone());
        blocking::run(move || end(&store, &name, size, staged, &rest, state)).await
    }

    async fn abort(mut self: Box<Self>) {
        // A failed write does not matter to an abort.
        let _ignored = self.finish_write().await;
        let staged = self.staged.take();
        // Joined, so that the staging file is gone when this returns.
        let _ignored = blocking::run(move || {
            drop(staged);
            Ok(())
        })
        .await;
    }
}

impl Drop for LocalWriter {
    fn drop(&mut self) {
        self.state.abort();
        if let Some(staged) = self.staged.take() {
            blocking::discard(staged);
        }
    }
}

fn buffer_for(size: u64) -> usize {
    usize::try_from(size).map_or(PIECE, |size| size.min(PIECE))
}

/// An object that would take space from the reserve of the disk. Never reported for a file system of unknown size.
#[derive(Debug, thiserror::Error)]
#[error("{size} bytes would leave less than the reserve of {} bytes of {}, of which {} are free", space.reserve(), space.total, space.free)]
struct ReserveReached {
    space: DiskSpace,
    size: u64,
}

/// Checks the free space; creates and allocates the staging file of an object larger than a buffer.
fn begin(
    store: &Store,
    name: &ObjectPath,
    size: u64,
    state: UploadState,
) -> Result<Option<Arc<Staged>>, BlobError> {
    let space = store.volume.space().map_err(blob_error)?;
    if !space.fits(size) {
        return Err(BlobError::Full(Box::new(ReserveReached { space, size })));
    }
    if size <= PIECE as u64 {
        return Ok(None);
    }
    let staged = Staged::create(&store.directories, name, size, state)?;
    staged.reserve()?;
    Ok(Some(Arc::new(staged)))
}

/// Writes the last buffer and publishes the object.
fn end(
    store: &Store,
    name: &ObjectPath,
    size: u64,
    staged: Option<Arc<Staged>>,
    rest: &[u8],
    state: UploadState,
) -> Result<(), BlobError> {
    let staged = match staged {
        Some(staged) => staged,
        None => Arc::new(Staged::create(&store.directories, name, size, state)?),
    };
    staged.append(rest)?;
    staged.publish(&store.directories, name)
}

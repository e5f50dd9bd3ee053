//! Writes an object piece by piece.

use std::mem;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use less_sync_storage::{BlobError, BlobWriter};
use tokio::task::JoinHandle;

use super::error::blob_error;
use super::fate::Fate;
use super::staged::Staged;
use super::{Store, pool};
use crate::object_name::ObjectName;
use crate::{PIECE, Violation};

/// So many bytes are written before the disk is told to begin with them: then not all of it is left to the end.
const EARLY: usize = 8 * 1024 * 1024;

/// An object on its way to the disk, in two buffers of [`PIECE`] bytes at most: one is filled while the other is written.
///
/// An object that fits into one buffer touches the disk in one go when it is complete; so most objects cost two visits to
/// the pool of threads, one of them for the free space.
pub(super) struct LocalWriter {
    store: Arc<Store>,
    name: ObjectName,
    size: u64,
    accepted: u64,
    buffer: Vec<u8>,
    /// The file, once there is one.
    staged: Option<Arc<Staged>>,
    /// The other buffer, while its bytes are being written.
    writing: Option<JoinHandle<Result<Vec<u8>, BlobError>>>,
    /// Bytes that nobody has synchronised yet.
    unsynchronised: usize,
    /// A synchronisation that goes on beside the writing.
    synchronising: Option<JoinHandle<Result<(), BlobError>>>,
    fate: Fate,
}

impl LocalWriter {
    pub(super) async fn create(store: Arc<Store>, name: ObjectName, size: u64) -> Result<Self, BlobError> {
        let (fate, buffer) = (Fate::default(), Vec::with_capacity(buffer_for(size)));
        // Whoever drops this future drops the writer, which gives up.
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
            fate,
        };
        let (store, name, fate) = (Arc::clone(&writer.store), writer.name.clone(), writer.fate.clone());
        writer.staged = pool::run(move || begin(&store, &name, size, fate)).await?;
        Ok(writer)
    }

    /// Hands the full buffer over and goes on with the other one.
    async fn turn(&mut self) -> Result<(), BlobError> {
        let spare = self.settle().await?;
        let Some(staged) = self.staged.clone() else { return Err(Violation::GivenUp.into()) };
        self.synchronise_early(&staged).await?;
        let mut full = mem::replace(&mut self.buffer, spare);
        self.unsynchronised += full.len();
        self.writing = Some(pool::begin(move || {
            staged.append(&full)?;
            full.clear();
            Ok(full)
        }));
        Ok(())
    }

    /// Has the disk begin with what was written so far, if that is much and it is not busy with it already.
    async fn synchronise_early(&mut self, staged: &Staged) -> Result<(), BlobError> {
        let is_busy = self.synchronising.as_ref().is_some_and(|running| !running.is_finished());
        if self.unsynchronised < EARLY || is_busy {
            return Ok(());
        }
        self.synchronised().await?;
        self.unsynchronised = 0;
        // The same open file under a number of its own: it keeps nobody from removing the file.
        let file = staged.handle()?;
        self.synchronising = Some(pool::begin(move || file.sync_data().map_err(blob_error)));
        Ok(())
    }

    /// Waits for the synchronisation that is under way. Its error is told to nobody else.
    async fn synchronised(&mut self) -> Result<(), BlobError> {
        match self.synchronising.take() {
            Some(running) => pool::joined(running.await),
            None => Ok(()),
        }
    }

    /// Waits for what is being written. Answers with an empty buffer.
    async fn settle(&mut self) -> Result<Vec<u8>, BlobError> {
        let Some(writing) = &mut self.writing else { return Ok(Vec::with_capacity(PIECE)) };
        let written = pool::joined(writing.await);
        self.writing = None;
        written
    }
}

#[async_trait]
impl BlobWriter for LocalWriter {
    async fn write(&mut self, mut bytes: Bytes) -> Result<(), BlobError> {
        if bytes.len() as u64 > self.size - self.accepted {
            self.fate.give_up();
            return Err(Violation::TooLong.into());
        }
        while !bytes.is_empty() {
            if self.buffer.len() == PIECE {
                self.turn().await?;
            }
            let part = bytes.len().min(PIECE - self.buffer.len());
            self.buffer.extend_from_slice(&bytes.split_to(part));
            self.accepted += part as u64;
        }
        Ok(())
    }

    async fn finish(mut self: Box<Self>) -> Result<(), BlobError> {
        self.settle().await?;
        self.synchronised().await?;
        let (store, name, size) = (Arc::clone(&self.store), self.name.clone(), self.size);
        let (staged, rest, fate) = (self.staged.take(), mem::take(&mut self.buffer), self.fate.clone());
        pool::run(move || end(&store, &name, size, staged, &rest, fate)).await
    }

    async fn abort(mut self: Box<Self>) {
        let _is_moot = self.settle().await;
        let staged = self.staged.take();
        let _is_done = pool::run(move || {
            drop(staged);
            Ok(())
        })
        .await;
    }
}

impl Drop for LocalWriter {
    fn drop(&mut self) {
        self.fate.give_up();
        if let Some(staged) = self.staged.take() {
            pool::discard(staged);
        }
    }
}

fn buffer_for(size: u64) -> usize {
    usize::try_from(size).map_or(PIECE, |size| size.min(PIECE))
}

/// Looks for space, and takes it where the object is larger than a buffer.
fn begin(store: &Store, name: &ObjectName, size: u64, fate: Fate) -> Result<Option<Arc<Staged>>, BlobError> {
    if !store.volume.room().map_err(blob_error)?.has_place_for(size) {
        return Err(BlobError::Full);
    }
    if size <= PIECE as u64 {
        return Ok(None);
    }
    let staged = Staged::create(&store.directories, name, size, fate)?;
    staged.reserve()?;
    Ok(Some(Arc::new(staged)))
}

/// Writes what is left, and puts the file into its place.
fn end(
    store: &Store,
    name: &ObjectName,
    size: u64,
    staged: Option<Arc<Staged>>,
    rest: &[u8],
    fate: Fate,
) -> Result<(), BlobError> {
    let staged = match staged {
        Some(staged) => staged,
        None => Arc::new(Staged::create(&store.directories, name, size, fate)?),
    };
    staged.append(rest)?;
    staged.publish(&store.directories, name)
}

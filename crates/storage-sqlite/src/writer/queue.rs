//! Submission queue of the writer thread: shared by callers, which submit, and the thread, which waits for work.
//!
//! The lock guards the schedule only and is held for no I/O. No other lock is taken under it.

use std::collections::VecDeque;
use std::sync::Arc;

use less_sync_storage::StorageError;
use parking_lot::{Condvar, Mutex};
use tokio::sync::oneshot;

use super::checkpoint::Checkpoint;
use super::load::Load;
use super::operation::Operation;
use super::schedule::{Schedule, Withdrawable};
use crate::error::{Closed, unavailable};

/// Operations of one transaction.
pub(super) type Batch = Vec<Box<dyn Operation>>;

/// Sender of the result of a checkpoint.
pub(super) type CheckpointReply = oneshot::Sender<Result<Checkpoint, StorageError>>;

/// Work for the writer thread.
pub(super) enum Work {
    Batch(Batch),
    Checkpoint(CheckpointReply),
    /// The queue is closed and empty; these await the end of the thread.
    Over(Vec<oneshot::Sender<()>>),
}

pub(super) struct Queue {
    state: Mutex<State>,
    /// Signalled when there is work, and when the queue is closed.
    available: Condvar,
    capacity: usize,
}

struct State {
    schedule: Schedule<Box<dyn Operation>>,
    checkpoints: VecDeque<CheckpointReply>,
    closers: Vec<oneshot::Sender<()>>,
    is_closed: bool,
    has_ended: bool,
}

/// Guard of the writer thread. Dropped when the thread ends, after a panic too: nothing waits for it any more.
pub(super) struct Receiver(pub(super) Arc<Queue>);

impl Drop for Receiver {
    fn drop(&mut self) {
        let mut state = self.0.state.lock();
        state.is_closed = true;
        state.has_ended = true;
        // Dropped operations, checkpoints and closers tell their callers that the thread is gone.
        let left = (
            std::mem::replace(&mut state.schedule, Schedule::new()),
            std::mem::take(&mut state.checkpoints),
            std::mem::take(&mut state.closers),
        );
        drop(state);
        drop(left);
    }
}

impl Withdrawable for Box<dyn Operation> {
    fn is_withdrawn(&self) -> bool {
        self.abandoned()
    }
}

impl Queue {
    /// An empty queue for at most `capacity` operations.
    pub(super) fn new(capacity: usize) -> Self {
        let state = State {
            schedule: Schedule::new(),
            checkpoints: VecDeque::new(),
            closers: Vec::new(),
            is_closed: false,
            has_ended: false,
        };
        Self { state: Mutex::new(state), available: Condvar::new(), capacity: capacity.max(1) }
    }

    /// Queues an operation; its place is taken when this returns.
    pub(super) fn submit<R>(&self, load: Load, operation: Box<dyn Operation>) -> Result<(), StorageError<R>> {
        let mut state = self.state.lock();
        if state.is_closed {
            return Err(Closed.into());
        }
        if state.schedule.waiting() >= self.capacity {
            return Err(unavailable(QueueFull));
        }
        state.schedule.add(load, operation);
        drop(state);
        self.available.notify_one();
        Ok(())
    }

    /// Queues a checkpoint: of everything that is committed when its turn comes, at the end of the current transaction.
    pub(super) fn checkpoint(&self, reply: CheckpointReply) -> Result<(), Closed> {
        let mut state = self.state.lock();
        if state.is_closed {
            return Err(Closed);
        }
        state.checkpoints.push_back(reply);
        drop(state);
        self.available.notify_one();
        Ok(())
    }

    /// Rejects further operations. Those that are queued still run, and only then is `reply` sent. The thread may have
    /// ended already: `reply` is dropped then.
    pub(super) fn close(&self, reply: Option<oneshot::Sender<()>>) {
        let mut state = self.state.lock();
        state.is_closed = true;
        if !state.has_ended {
            state.closers.extend(reply);
        }
        drop(state);
        self.available.notify_one();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.state.lock().is_closed
    }

    /// Number of waiting operations.
    pub(super) fn waiting(&self) -> usize {
        self.state.lock().schedule.waiting()
    }

    /// Waits for the next work.
    pub(super) fn next(&self) -> Work {
        let mut state = self.state.lock();
        loop {
            if let Some(reply) = state.checkpoints.pop_front() {
                return Work::Checkpoint(reply);
            }
            let batch = state.schedule.take();
            if !batch.is_empty() {
                return Work::Batch(batch);
            }
            if state.is_closed {
                return Work::Over(std::mem::take(&mut state.closers));
            }
            self.available.wait(&mut state);
        }
    }
}

/// The queue has reached its limit.
#[derive(Debug, thiserror::Error)]
#[error("write queue is full")]
struct QueueFull;

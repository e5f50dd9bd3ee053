//! What callers and committers share: the queue and the bell.

use std::collections::HashSet;
use std::sync::Arc;

use less_sync_core::SpaceId;
use less_sync_storage::PushError;
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::job::Job;
use super::queue::{Queue, QueueLimits, Work};

#[derive(Debug)]
pub(super) struct Shared {
    queue: Mutex<Queue>,
    bell: Notify,
}

impl Shared {
    pub(super) fn new(limits: QueueLimits) -> Self {
        Self { queue: Mutex::new(Queue::new(limits)), bell: Notify::new() }
    }

    /// Queues a push, behind everything that was submitted before.
    pub(super) fn submit(&self, job: Job) -> Result<(), PushError> {
        self.queue.lock().add(job)?;
        self.bell.notify_one();
        Ok(())
    }

    /// The next piece of work; `None` after [`Shared::close`], when nothing waits any more.
    pub(super) async fn next(&self) -> Option<Work> {
        loop {
            let rung = self.bell.notified();
            {
                let mut queue = self.queue.lock();
                if let Some(work) = queue.take() {
                    if !queue.is_empty() {
                        self.bell.notify_one();
                    }
                    return Some(work);
                }
                if queue.is_over() {
                    self.bell.notify_waiters();
                    return None;
                }
            }
            rung.await;
        }
    }

    /// The work on these spaces is done; what waited for them may go.
    fn release(&self, spaces: impl IntoIterator<Item = SpaceId>) {
        self.queue.lock().release(spaces);
        self.bell.notify_one();
    }

    /// Takes no more.
    pub(super) fn close(&self) {
        self.queue.lock().close();
        self.bell.notify_waiters();
    }
}

/// Spaces that are being worked on, until this is dropped.
#[derive(Debug)]
pub(super) struct Busy {
    shared: Arc<Shared>,
    spaces: HashSet<SpaceId>,
}

impl Busy {
    /// The spaces of these pushes, which [`Shared::next`] has handed out.
    pub(super) fn new(shared: &Arc<Shared>, jobs: &[Job]) -> Self {
        Self { shared: Arc::clone(shared), spaces: jobs.iter().map(|job| job.space).collect() }
    }

    /// One of them, which stays busy for longer than the others.
    pub(super) fn split_off(&mut self, space: SpaceId) -> Self {
        let spaces = self.spaces.take(&space).into_iter().collect();
        Self { shared: Arc::clone(&self.shared), spaces }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        if !self.spaces.is_empty() {
            self.shared.release(self.spaces.drain());
        }
    }
}

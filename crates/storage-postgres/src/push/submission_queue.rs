//! Submission queue of pushes: shared by callers, which submit, and committers, which wait for work.
//!
//! The lock guards the scheduling state only and is never held across an await. No other lock is taken under it.

use std::collections::HashSet;
use std::sync::Arc;

use less_sync_core::SpaceId;
use less_sync_storage::PushError;
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::job::Job;
use super::queue::{Queue, QueueLimits, Work};

#[derive(Debug)]
pub(super) struct SubmissionQueue {
    queue: Mutex<Queue>,
    /// Wakes committers when work may have become available.
    available: Notify,
}

impl SubmissionQueue {
    pub(super) fn new(limits: QueueLimits) -> Self {
        Self { queue: Mutex::new(Queue::new(limits)), available: Notify::new() }
    }

    /// Queues a push, behind everything that was submitted before.
    pub(super) fn submit(&self, job: Job) -> Result<(), PushError> {
        // The lock is released at the end of this statement, so the committer that is woken does not run into it.
        self.queue.lock().add(job)?;
        // Stores a permit if no committer waits: the next one to wait returns at once.
        self.available.notify_one();
        Ok(())
    }

    /// The next piece of work; `None` after [`SubmissionQueue::close`], once the queue is empty.
    pub(super) async fn next(&self) -> Option<Work> {
        loop {
            // Created before the queue is looked at: `notify_waiters` of `close` reaches every `Notified` that exists at
            // that moment, even one that was not polled yet. Created after the look, it could miss a close in between
            // and wait for ever. `notify_one` needs no such care, since it leaves a permit.
            let available = self.available.notified();
            {
                let mut queue = self.queue.lock();
                if let Some(work) = queue.take() {
                    // A permit stands for any number of submissions, so the committer that takes work passes the wake-up on as
                    // long as something is left. What is left may be blocked by the spaces just taken; then the
                    // committer that was woken without need waits again.
                    if !queue.is_empty() {
                        self.available.notify_one();
                    }
                    return Some(work);
                }
                if queue.is_over() {
                    // Another committer may be waiting still: when `close` woke it, the pushes that were left were
                    // blocked by leases. So the committer that reaches the end announces it once more.
                    self.available.notify_waiters();
                    return None;
                }
            }
            available.await;
        }
    }

    /// Ends the lease of these spaces: pushes that waited for them become available.
    fn release(&self, spaces: impl IntoIterator<Item = SpaceId>) {
        // Released before the notification: a committer that was woken first would find the spaces still leased, wait
        // again, and nothing would wake it.
        self.queue.lock().release(spaces);
        self.available.notify_one();
    }

    /// Ends the turn of a heavy push to this space: another one becomes available.
    fn end_heavy(&self, space: SpaceId) {
        self.queue.lock().end_heavy(space);
        self.available.notify_one();
    }

    /// Rejects further pushes, and wakes every committer: those without work end.
    pub(super) fn close(&self) {
        // Closed before the notification, for the same reason as in `release`.
        self.queue.lock().close();
        self.available.notify_waiters();
    }
}

/// Exclusive lease of spaces, held while their pushes are being committed; ends when dropped. It keeps the pushes of one
/// space in order: no other task works on the space meanwhile.
#[derive(Debug)]
pub(super) struct SpaceLease {
    queue: Arc<SubmissionQueue>,
    spaces: HashSet<SpaceId>,
}

impl SpaceLease {
    /// The lease of the spaces of these pushes, which [`SubmissionQueue::next`] has returned.
    pub(super) fn new(queue: &Arc<SubmissionQueue>, jobs: &[Job]) -> Self {
        Self { queue: Arc::clone(queue), spaces: jobs.iter().map(|job| job.space).collect() }
    }

    /// A lease of its own for one of the spaces, which is held for longer than the others: its pushes wait for a lock, and heavy
    /// ones of other spaces do not wait with them.
    pub(super) fn split_off(&mut self, space: SpaceId) -> Self {
        self.queue.end_heavy(space);
        let spaces = self.spaces.take(&space).into_iter().collect();
        Self { queue: Arc::clone(&self.queue), spaces }
    }
}

impl Drop for SpaceLease {
    fn drop(&mut self) {
        if !self.spaces.is_empty() {
            self.queue.release(self.spaces.drain());
        }
    }
}

//! Scheduling of the push queue (pure, no I/O): batches in order of arrival, one task per space.

use std::collections::{HashSet, VecDeque};

use less_sync_core::{RecordId, SpaceId};
use less_sync_storage::PushError;

use super::job::{Job, STATEMENT_BYTES, STATEMENT_ROWS};
use crate::error::{Closed, unavailable};

/// Limits of the push queue.
#[derive(Clone, Copy, Debug)]
pub(crate) struct QueueLimits {
    /// Maximum number of waiting pushes; further ones are rejected.
    pub(crate) waiting: usize,
    /// Maximum number of pushes per batch; 1 disables batching.
    pub(crate) batch: usize,
}

/// Work for a committer.
#[derive(Debug)]
pub(super) enum Work {
    /// Pushes for one statement, ordered by space and, within a space, by arrival.
    Batch(Vec<Job>),
    /// An oversized or empty push, which runs in a task of its own.
    SlowPath(Job),
}

/// Waiting pushes in order of arrival, and the leased spaces.
#[derive(Debug)]
pub(super) struct Queue {
    limits: QueueLimits,
    waiting: VecDeque<Job>,
    busy: HashSet<SpaceId>,
    closed: bool,
}

impl Queue {
    pub(super) fn new(limits: QueueLimits) -> Self {
        Self { limits, waiting: VecDeque::new(), busy: HashSet::new(), closed: false }
    }

    /// Appends a push, unless the queue is full or closed. In a full queue, pushes whose callers are gone are removed first.
    pub(super) fn add(&mut self, job: Job) -> Result<(), PushError> {
        if self.closed {
            return Err(Closed.into());
        }
        if self.waiting.len() >= self.limits.waiting {
            self.waiting.retain(|job| !job.abandoned());
        }
        if self.waiting.len() >= self.limits.waiting {
            return Err(unavailable(QueueFull(self.waiting.len())));
        }
        self.waiting.push_back(job);
        Ok(())
    }

    /// Rejects further pushes.
    pub(super) fn close(&mut self) {
        self.closed = true;
    }

    /// True if the queue is closed and empty.
    pub(super) fn is_over(&self) -> bool {
        self.closed && self.waiting.is_empty()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// The next piece of work; its spaces are leased until [`Queue::release`].
    ///
    /// A push waits while its space is leased, and while an earlier push of its space waits. So does the second of two
    /// that touch the same record: the batch compares all records before it writes any.
    pub(super) fn take(&mut self) -> Option<Work> {
        let mut batch = Batch::default();
        // Spaces with an earlier push that stays in the queue: later pushes of them must not overtake it.
        let mut passed_over = HashSet::new();
        for job in std::mem::take(&mut self.waiting) {
            if job.abandoned() {
                continue;
            }
            let in_turn =
                !batch.apart && !self.busy.contains(&job.space) && !passed_over.contains(&job.space);
            if in_turn && batch.has_room_for(&job, self.limits) {
                batch.add(job);
            } else {
                passed_over.insert(job.space);
                self.waiting.push_back(job);
            }
        }
        self.busy.extend(batch.jobs.iter().map(|job| job.space));
        batch.into_work()
    }

    /// Ends the lease of these spaces.
    pub(super) fn release(&mut self, spaces: impl IntoIterator<Item = SpaceId>) {
        for space in spaces {
            self.busy.remove(&space);
        }
    }
}

/// The queue has reached its limit.
#[derive(Debug, thiserror::Error)]
#[error("push queue is full with {0} pushes")]
struct QueueFull(usize);

/// A batch under construction.
#[derive(Default)]
struct Batch {
    jobs: Vec<Job>,
    touched: HashSet<(SpaceId, RecordId)>,
    rows: usize,
    bytes: usize,
    /// True if the only push runs on the slow path.
    apart: bool,
}

impl Batch {
    fn has_room_for(&self, job: &Job, limits: QueueLimits) -> bool {
        if self.jobs.is_empty() {
            return true;
        }
        self.jobs.len() < limits.batch
            && !job.is_empty()
            && self.rows + job.rows() <= STATEMENT_ROWS
            && self.bytes + job.bytes() <= STATEMENT_BYTES
            && !job.records().any(|record| self.touched.contains(&(job.space, record)))
    }

    fn add(&mut self, job: Job) {
        self.apart = job.is_oversized() || job.is_empty();
        self.rows += job.rows();
        self.bytes += job.bytes();
        if !self.apart {
            self.touched.extend(job.records().map(|record| (job.space, record)));
        }
        self.jobs.push(job);
    }

    fn into_work(mut self) -> Option<Work> {
        if self.apart {
            return self.jobs.pop().map(Work::SlowPath);
        }
        self.jobs.sort_by_key(|job| job.space);
        (!self.jobs.is_empty()).then_some(Work::Batch(self.jobs))
    }
}

#[cfg(test)]
mod tests;

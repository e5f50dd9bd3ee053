//! Who goes next: the order of the queue, without any waiting or database.

use std::collections::{HashSet, VecDeque};

use less_sync_core::{RecordId, SpaceId};
use less_sync_storage::PushError;

use super::job::{Job, STATEMENT_BYTES, STATEMENT_ROWS};
use crate::error::{Closed, unavailable};

/// Bounds of the queue.
#[derive(Clone, Copy, Debug)]
pub(crate) struct QueueLimits {
    /// Pushes that may wait.
    pub(crate) waiting: usize,
    /// Pushes of one batch; 1: no batches.
    pub(crate) batch: usize,
}

/// What a committer does next.
#[derive(Debug)]
pub(super) enum Work {
    /// One statement. Ordered by space and, within a space, by arrival.
    Batch(Vec<Job>),
    /// A push that is too big for one statement, or writes nothing.
    Apart(Job),
}

/// Pushes in the order of their arrival, and the spaces that are being worked on.
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

    /// Takes a push, if there is room. Those whose callers have gone make room.
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

    /// Takes no more.
    pub(super) fn close(&mut self) {
        self.closed = true;
    }

    /// Whether there is nothing to do any more, and never will be.
    pub(super) fn is_over(&self) -> bool {
        self.closed && self.waiting.is_empty()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// The next piece of work, whose spaces are busy until [`Queue::release`].
    ///
    /// A push waits while its space is busy, and while an earlier push of its space waits. So does the second of two
    /// that touch the same record: the batch compares all records before it writes any.
    pub(super) fn take(&mut self) -> Option<Work> {
        let mut batch = Batch::default();
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

    /// The work on these spaces is done.
    pub(super) fn release(&mut self, spaces: impl IntoIterator<Item = SpaceId>) {
        for space in spaces {
            self.busy.remove(&space);
        }
    }
}

/// More pushes wait than may.
#[derive(Debug, thiserror::Error)]
#[error("{0} pushes are waiting already")]
struct QueueFull(usize);

/// A batch that is being put together.
#[derive(Default)]
struct Batch {
    jobs: Vec<Job>,
    touched: HashSet<(SpaceId, RecordId)>,
    rows: usize,
    bytes: usize,
    /// Its one push is no part of a batch.
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
        self.apart = job.is_big() || job.is_empty();
        self.rows += job.rows();
        self.bytes += job.bytes();
        if !self.apart {
            self.touched.extend(job.records().map(|record| (job.space, record)));
        }
        self.jobs.push(job);
    }

    fn into_work(mut self) -> Option<Work> {
        if self.apart {
            return self.jobs.pop().map(Work::Apart);
        }
        self.jobs.sort_by_key(|job| job.space);
        (!self.jobs.is_empty()).then_some(Work::Batch(self.jobs))
    }
}

#[cfg(test)]
mod tests;

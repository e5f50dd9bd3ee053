//! Scheduling of the push queue (pure, no I/O): batches in order of arrival, one task per space.
//!
//! Users take turns: a batch first has a share for each flow, and then room for the rest. A *heavy* push, which exceeds such a
//! share, never joins a batch: the others of the batch would wait for its bytes. Heavy pushes run one at a time, those of the
//! flow first whose last one is the longest ago, so they leave committers, connections and processor time to all others.

use std::collections::{HashMap, HashSet, VecDeque};

use less_sync_core::{RecordId, SpaceId};
use less_sync_storage::{Flow, PushError};

use super::job::{Job, SHARE_BYTES, SHARE_ROWS, STATEMENT_ROWS};
use crate::error::{Closed, unavailable};

/// Blob bytes after which a batch of several pushes takes no more: every push of a batch waits for all of its bytes.
const BATCH_BYTES: usize = 2 * SHARE_BYTES;

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
    heavy: HeavyTurns,
    closed: bool,
}

/// Turns of the flows with heavy pushes, of which one runs at a time.
#[derive(Debug, Default)]
struct HeavyTurns {
    /// Space of the one that runs.
    running: Option<SpaceId>,
    /// Number of the last turn of each flow; forgotten when no heavy push waits.
    last: HashMap<Flow, u64>,
    turns: u64,
    /// True from the start of a heavy push to the next batch: a lone committer alternates between both.
    is_batch_next: bool,
}

impl Queue {
    pub(super) fn new(limits: QueueLimits) -> Self {
        Self {
            limits,
            waiting: VecDeque::new(),
            busy: HashSet::new(),
            heavy: HeavyTurns::default(),
            closed: false,
        }
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
        self.waiting.retain(|job| !job.abandoned());
        if std::mem::take(&mut self.heavy.is_batch_next) {
            self.take_batch().or_else(|| self.take_heavy())
        } else {
            self.take_heavy().or_else(|| self.take_batch())
        }
    }

    fn take_batch(&mut self) -> Option<Work> {
        // Two passes over the queue: the first gives each flow its share, the second fills what room is left. A push that
        // the first passes over for its share may be taken by the second, so order within a space is checked in each.
        let mut batch = Batch::default();
        let mut taken = vec![false; self.waiting.len()];
        for is_shared_out in [true, false] {
            // Spaces with an earlier push that stays in the queue: later pushes of them must not overtake it.
            let mut passed_over = HashSet::new();
            for (job, taken) in self.waiting.iter().zip(&mut taken).filter(|(_, taken)| !**taken) {
                let in_turn = !batch.apart
                    && !job.is_heavy()
                    && !self.busy.contains(&job.space)
                    && !passed_over.contains(&job.space);
                if in_turn
                    && batch.has_room_for(job, self.limits)
                    && !(is_shared_out && batch.exceeds_share(job))
                {
                    batch.count(job);
                    *taken = true;
                } else {
                    passed_over.insert(job.space);
                }
            }
        }
        // Both passes keep the order of arrival, so the batch and the queue that is left are each in that order.
        let mut taken = taken.into_iter();
        for job in std::mem::take(&mut self.waiting) {
            if taken.next() == Some(true) {
                batch.jobs.push(job);
            } else {
                self.waiting.push_back(job);
            }
        }
        self.busy.extend(batch.jobs.iter().map(|job| job.space));
        batch.into_work()
    }

    /// The next heavy push, unless one is running.
    fn take_heavy(&mut self) -> Option<Work> {
        if self.heavy.running.is_some() {
            return None;
        }
        let mut passed_over = HashSet::new();
        let mut next: Option<(u64, usize)> = None;
        for (place, job) in self.waiting.iter().enumerate() {
            // `insert` is true for the first push of each space only: a heavy push does not overtake an earlier one.
            let in_turn = !self.busy.contains(&job.space) && passed_over.insert(job.space);
            if in_turn && job.is_heavy() {
                let last = self.heavy.last.get(&job.flow()).copied().unwrap_or(0);
                next = next.filter(|(earliest, _)| *earliest <= last).or(Some((last, place)));
            }
        }
        let Some((_, place)) = next else {
            if !self.waiting.iter().any(Job::is_heavy) {
                self.heavy.last.clear();
            }
            return None;
        };
        let job = self.waiting.remove(place)?;
        self.heavy.turns += 1;
        self.heavy.last.insert(job.flow(), self.heavy.turns);
        self.heavy.running = Some(job.space);
        self.heavy.is_batch_next = true;
        self.busy.insert(job.space);
        Some(if job.is_oversized() { Work::SlowPath(job) } else { Work::Batch(vec![job]) })
    }

    /// Ends the lease of these spaces.
    pub(super) fn release(&mut self, spaces: impl IntoIterator<Item = SpaceId>) {
        for space in spaces {
            self.busy.remove(&space);
            self.end_heavy(space);
        }
    }

    /// Ends the turn of a heavy push to this space, if one runs; the lease of the space goes on.
    pub(super) fn end_heavy(&mut self, space: SpaceId) {
        self.heavy.running.take_if(|running| *running == space);
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
    /// Pushes counted so far.
    pushes: usize,
    touched: HashSet<(SpaceId, RecordId)>,
    rows: usize,
    bytes: usize,
    /// Rows and bytes of each flow.
    flows: HashMap<Flow, (usize, usize)>,
    /// True if the only push runs on the slow path.
    apart: bool,
}

impl Batch {
    fn has_room_for(&self, job: &Job, limits: QueueLimits) -> bool {
        // An empty batch takes every push that is not heavy: an empty one, too.
        if self.pushes == 0 {
            return true;
        }
        self.pushes < limits.batch
            && !job.is_empty()
            && self.rows + job.rows() <= STATEMENT_ROWS
            && self.bytes + job.bytes() <= BATCH_BYTES
            && !job.records().any(|record| self.touched.contains(&(job.space, record)))
    }

    /// True if the flow of the push has a push in the batch, and this one would exceed its share.
    fn exceeds_share(&self, job: &Job) -> bool {
        self.flows
            .get(&job.flow())
            .is_some_and(|(rows, bytes)| rows + job.rows() > SHARE_ROWS || bytes + job.bytes() > SHARE_BYTES)
    }

    fn count(&mut self, job: &Job) {
        self.apart = job.is_empty();
        self.pushes += 1;
        self.rows += job.rows();
        self.bytes += job.bytes();
        let (rows, bytes) = self.flows.entry(job.flow()).or_default();
        *rows += job.rows();
        *bytes += job.bytes();
        self.touched.extend(job.records().map(|record| (job.space, record)));
    }

    fn into_work(mut self) -> Option<Work> {
        if self.apart {
            return self.jobs.pop().map(Work::SlowPath);
        }
        // Stable, so pushes of a space stay in the order of arrival. All statements lock their spaces in this order, and
        // transactions that lock in one order cannot deadlock.
        self.jobs.sort_by_key(|job| job.space);
        (!self.jobs.is_empty()).then_some(Work::Batch(self.jobs))
    }
}

#[cfg(test)]
mod tests;

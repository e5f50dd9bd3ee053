//! Write side for pushes: a submission queue, a few committers that empty it, and a slow path for what does not fit a batch.
//!
//! A committer takes everything that is queued and applies it in one statement, which is one round trip and one
//! transaction (natural batching). There are no timers: a lone push is sent at once, and while it is being committed the
//! next batch collects.
//!
//! Committers never wait for a row lock: pushes whose space is locked by another transaction continue in a task of their
//! own, so that they do not hold up other spaces. A space is leased to one task at a time, so its pushes take effect in the
//! order of their tickets.

mod batch;
mod committer;
mod failure;
mod job;
mod outcome;
mod oversized;
mod queue;
mod single_record;
mod slow_path;
mod submission_queue;

use std::sync::Arc;

use less_sync_storage::{Access, Push, Quotas, Ticket};
use tokio::sync::oneshot;
use tokio_util::task::TaskTracker;

use self::committer::Committer;
use self::job::Job;
use self::slow_path::SlowPath;
use self::submission_queue::SubmissionQueue;
use crate::connector::Connector;
use crate::error::unavailable;
use crate::pool::Pool;

pub(crate) use self::queue::QueueLimits;

/// Sending end of the submission queue, and owner of the tasks behind it.
#[derive(Debug)]
pub(crate) struct Pusher {
    queue: Arc<SubmissionQueue>,
    tasks: TaskTracker,
}

impl Pusher {
    /// Starts so many `committers`, each with a connection of its own.
    pub(crate) fn start(
        connector: &Connector,
        pool: &Arc<Pool>,
        committers: u32,
        limits: QueueLimits,
        quotas: Quotas,
    ) -> Self {
        let (queue, tasks) = (Arc::new(SubmissionQueue::new(limits)), TaskTracker::new());
        for _ in 0..committers.max(1) {
            let slow_path = SlowPath::new(pool, &tasks, quotas);
            tasks.spawn(Committer::new(connector.clone(), &queue, slow_path, quotas).run());
        }
        Self { queue, tasks }
    }

    /// Queues a push behind everything that was submitted before. Its ticket resolves once the outcome is durable.
    pub(crate) fn submit(&self, access: Access, push: Push) -> Ticket {
        let (reply, outcome) = oneshot::channel();
        let queued = self.queue.submit(Job::new(access, push, reply));
        Ticket::new(async move {
            queued?;
            // A dropped sender means that the committer has panicked: the outcome is unknown.
            outcome.await.map_err(unavailable)?
        })
    }

    /// Finishes everything that is queued and rejects the rest.
    pub(crate) async fn close(&self) {
        self.queue.close();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Drop for Pusher {
    /// Closes the queue; the committers finish what is queued in the background.
    fn drop(&mut self) {
        self.queue.close();
    }
}

//! The write side: a queue, a few committers that empty it, and transactions of their own for what does not fit or has
//! to wait.
//!
//! A committer takes what has queued, sends it as one statement, which is one round trip and one transaction, and
//! answers when that is committed (natural batching). There are no timers: a lone push goes at once, and while it is
//! being committed the next batch collects.
//!
//! Committers never wait for a lock: a space that somebody else has locked is set aside, and waits in a task of its
//! own, so that it holds up nobody else. Nor do two tasks work on one space at a time, so its pushes take effect in the
//! order of their arrival.

mod alone;
mod batch;
mod big;
mod committer;
mod failure;
mod job;
mod outcome;
mod queue;
mod shared;
mod single;

use std::sync::Arc;

use less_sync_storage::{Access, Push, Ticket};
use tokio::sync::oneshot;
use tokio_util::task::TaskTracker;

use self::alone::Alone;
use self::committer::Committer;
use self::job::Job;
use self::shared::Shared;
use crate::connector::Connector;
use crate::error::unavailable;
use crate::pool::Pool;

pub(crate) use self::queue::QueueLimits;

/// The sending end: hands pushes to the committers and waits for their outcome.
#[derive(Debug)]
pub(crate) struct Pusher {
    shared: Arc<Shared>,
    tasks: TaskTracker,
}

impl Pusher {
    /// Starts `committers` of them, each with a connection of its own.
    pub(crate) fn start(
        connector: &Connector,
        pool: &Arc<Pool>,
        committers: u32,
        limits: QueueLimits,
    ) -> Self {
        let (shared, tasks) = (Arc::new(Shared::new(limits)), TaskTracker::new());
        for _ in 0..committers.max(1) {
            let alone = Alone::new(pool, &tasks);
            tasks.spawn(Committer::new(connector.clone(), &shared, alone).run());
        }
        Self { shared, tasks }
    }

    /// Queues a push behind everything that was submitted before. Its ticket resolves once the outcome is durable.
    pub(crate) fn submit(&self, access: Access, push: Push) -> Ticket {
        let (reply, outcome) = oneshot::channel();
        let queued = self.shared.submit(Job::new(access, push, reply));
        Ticket::new(async move {
            queued?;
            // A dropped sender means that the committer has panicked: the outcome is unknown.
            outcome.await.map_err(unavailable)?
        })
    }

    /// Finishes everything that has queued and rejects the rest.
    pub(crate) async fn close(&self) {
        self.shared.close();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Drop for Pusher {
    /// The committers finish what has queued in their own time.
    fn drop(&mut self) {
        self.shared.close();
    }
}

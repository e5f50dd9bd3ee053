//! Committer: a task with a connection of its own that commits batches of pushes.

use std::collections::BTreeMap;
use std::sync::Arc;

use less_sync_core::SpaceId;
use less_sync_storage::Quotas;

use super::batch::{self, Locks};
use super::failure::Failure;
use super::job::Job;
use super::outcome::Verdict;
use super::queue::Work;
use super::slow_path::SlowPath;
use super::submission_queue::{SpaceLease, SubmissionQueue};
use crate::connector::{Connector, IdleConnection};
use crate::error::NoConnection;
use crate::retry::Retries;
use crate::session::Session;
use crate::sqlstate::{is_name_clash, leaves_connection};

pub(super) struct Committer {
    connector: Connector,
    idle: Option<IdleConnection>,
    queue: Arc<SubmissionQueue>,
    slow_path: SlowPath,
    quotas: Quotas,
}

impl Committer {
    pub(super) fn new(
        connector: Connector,
        queue: &Arc<SubmissionQueue>,
        slow_path: SlowPath,
        quotas: Quotas,
    ) -> Self {
        Self { connector, idle: None, queue: Arc::clone(queue), slow_path, quotas }
    }

    /// Runs until the queue is closed and empty.
    pub(super) async fn run(mut self) {
        while let Some(work) = self.queue.next().await {
            match work {
                Work::Batch(jobs) => self.commit(jobs).await,
                Work::SlowPath(job) => {
                    let jobs = vec![job];
                    self.slow_path.spawn(SpaceLease::new(&self.queue, &jobs), jobs);
                }
            }
        }
        if let Some(idle) = self.idle {
            idle.close().await;
        }
    }

    async fn commit(&mut self, jobs: Vec<Job>) {
        // Held until the tickets are resolved, not just until the commit: the next push of the space runs after that, so
        // outcomes appear in the order of the pushes.
        let lease = SpaceLease::new(&self.queue, &jobs);
        let verdicts = match self.apply(&jobs).await {
            Ok(verdicts) => verdicts,
            // Only after an error that the database reported, and so rolled back. After a lost connection the outcome is
            // unknown, and a push must not run twice.
            Err(failure) if jobs.len() > 1 && failure.may_be_of_one() => {
                self.apply_separately(&jobs, &failure).await
            }
            Err(failure) => failure.verdicts(jobs.len()),
        };
        self.resolve(lease, jobs, verdicts);
    }

    /// Applies the pushes of a batch that was rolled back one by one, so that only the faulty one fails.
    async fn apply_separately(&mut self, jobs: &[Job], failure: &Failure) -> Vec<Verdict> {
        tracing::warn!(%failure, pushes = jobs.len(), "push batch rolled back, retrying its pushes one by one");
        let mut verdicts = Vec::with_capacity(jobs.len());
        for job in jobs {
            let applied = self.apply(std::slice::from_ref(job)).await;
            verdicts.extend(applied.unwrap_or_else(|failure| failure.verdicts(1)));
        }
        verdicts
    }

    /// Applies the pushes in one statement that does not wait for row locks.
    async fn apply(&mut self, jobs: &[Job]) -> Result<Vec<Verdict>, Failure> {
        // Taken out of `self` while it is in use: if this future is dropped half-way, the connection is closed with it and
        // not reused with a response still to come.
        let mut connection = self.connection().await?;
        let (mut retries, mut renewed) = (Retries::new(self.slow_path.retries()), false);
        let applied = loop {
            match batch::apply(&mut connection, Locks::Skip, self.quotas, jobs).await {
                // The statement did not run: a proxy led it to a backend where its name is another client's.
                Err(error) if !renewed && is_name_clash(&error) => {
                    renewed = true;
                    connection = self.connector.connect().await.map_err(NoConnection::from)?;
                }
                Err(error) if retries.again(&error).await => {}
                decided => break decided,
            }
        };
        if applied.as_ref().err().is_none_or(leaves_connection) {
            self.idle = Some(IdleConnection::new(connection));
        }
        Ok(applied?)
    }

    /// The connection of this committer; a broken one is replaced.
    async fn connection(&mut self) -> Result<Session, Failure> {
        if let Some(idle) = self.idle.take()
            && let Some(connection) = self.connector.check(idle).await
        {
            return Ok(connection);
        }
        Ok(self.connector.connect().await.map_err(NoConnection::from)?)
    }

    /// Resolves the tickets. Pushes whose space is locked continue on the slow path, which takes over the lease of the space.
    fn resolve(&self, mut lease: SpaceLease, jobs: Vec<Job>, verdicts: Vec<Verdict>) {
        let mut set_aside = BTreeMap::<SpaceId, Vec<Job>>::new();
        for (job, verdict) in jobs.into_iter().zip(verdicts) {
            match verdict {
                Verdict::Decided(outcome) => job.resolve(outcome),
                Verdict::SpaceLocked => set_aside.entry(job.space).or_default().push(job),
            }
        }
        // A committer never waits for a row lock, since other spaces would wait with it. The lease goes along, so later
        // pushes of the space stay behind these.
        for (space, jobs) in set_aside {
            self.slow_path.spawn(lease.split_off(space), jobs);
        }
    }
}

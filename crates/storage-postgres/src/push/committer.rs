//! A task with a connection of its own that empties the queue.

use std::collections::BTreeMap;
use std::sync::Arc;

use less_sync_core::SpaceId;
use sqlx::PgConnection;

use super::alone::Alone;
use super::batch;
use super::failure::Failure;
use super::job::Job;
use super::outcome::Verdict;
use super::queue::Work;
use super::shared::{Busy, Shared};
use crate::connector::{Connector, Resting};
use crate::error::NoConnection;
use crate::retry::Retries;
use crate::sqlstate::leaves_connection;

pub(super) struct Committer {
    connector: Connector,
    resting: Option<Resting>,
    shared: Arc<Shared>,
    alone: Alone,
}

impl Committer {
    pub(super) fn new(connector: Connector, shared: &Arc<Shared>, alone: Alone) -> Self {
        Self { connector, resting: None, shared: Arc::clone(shared), alone }
    }

    /// Works until the queue is closed and empty.
    pub(super) async fn run(mut self) {
        while let Some(work) = self.shared.next().await {
            match work {
                Work::Batch(jobs) => self.commit(jobs).await,
                Work::Apart(job) => {
                    let jobs = vec![job];
                    self.alone.spawn(Busy::new(&self.shared, &jobs), jobs);
                }
            }
        }
        if let Some(resting) = self.resting {
            resting.close().await;
        }
    }

    async fn commit(&mut self, jobs: Vec<Job>) {
        let busy = Busy::new(&self.shared, &jobs);
        let verdicts = match self.apply(&jobs).await {
            Ok(verdicts) => verdicts,
            Err(failure) if jobs.len() > 1 && failure.may_be_of_one() => {
                self.apply_alone(&jobs, &failure).await
            }
            Err(failure) => failure.verdicts(jobs.len()),
        };
        self.answer(busy, jobs, verdicts);
    }

    /// The parts of a batch that was rolled back, so that only the one that is at fault fails.
    async fn apply_alone(&mut self, jobs: &[Job], failure: &Failure) -> Vec<Verdict> {
        tracing::warn!(%failure, pushes = jobs.len(), "batch of pushes rolled back, running its parts alone");
        let mut verdicts = Vec::with_capacity(jobs.len());
        for job in jobs {
            let applied = self.apply(std::slice::from_ref(job)).await;
            verdicts.extend(applied.unwrap_or_else(|failure| failure.verdicts(1)));
        }
        verdicts
    }

    /// One statement, which does not wait for locks.
    async fn apply(&mut self, jobs: &[Job]) -> Result<Vec<Verdict>, Failure> {
        let mut connection = self.connection().await?;
        let mut retries = Retries::default();
        let applied = loop {
            match batch::apply(&mut connection, false, jobs).await {
                Err(error) if retries.again(&error).await => {}
                decided => break decided,
            }
        };
        if applied.as_ref().err().is_none_or(leaves_connection) {
            self.resting = Some(Resting::new(connection));
        }
        Ok(applied?)
    }

    /// The connection of this committer, made anew if it is broken.
    async fn connection(&mut self) -> Result<PgConnection, Failure> {
        if let Some(resting) = self.resting.take()
            && let Some(connection) = resting.wake().await
        {
            return Ok(connection);
        }
        Ok(self.connector.connect().await.map_err(NoConnection::from)?)
    }

    /// Tells the callers. What found its space locked goes on by itself, and keeps the space.
    fn answer(&self, mut busy: Busy, jobs: Vec<Job>, verdicts: Vec<Verdict>) {
        let mut set_aside = BTreeMap::<SpaceId, Vec<Job>>::new();
        for (job, verdict) in jobs.into_iter().zip(verdicts) {
            match verdict {
                Verdict::Decided(outcome) => job.answer(outcome),
                Verdict::Busy => set_aside.entry(job.space).or_default().push(job),
            }
        }
        for (space, jobs) in set_aside {
            self.alone.spawn(busy.split_off(space), jobs);
        }
    }
}

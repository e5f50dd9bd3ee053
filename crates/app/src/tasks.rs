//! The owner of every task of the process.
//!
//! Two signals end them: *drain*, when shutdown begins, ends the background jobs; *stop*, when it is over, ends
//! everything. Nothing outlives [`Tasks::join`].

mod running;

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::FutureExt as _;
use less_sync_engine::{Clock, Job, Spawner};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use running::Running;

/// First pause after a panic; doubled with each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// Supervises tasks. Clones share everything.
#[derive(Clone)]
pub struct Tasks(Arc<Shared>);

struct Shared {
    tracker: TaskTracker,
    running: Running,
    /// Shutdown has begun.
    drain: CancellationToken,
    /// Everything ends.
    stop: CancellationToken,
    /// The essential part that ended before its time.
    failed: OnceLock<&'static str>,
    clock: Arc<dyn Clock>,
}

impl Tasks {
    /// A supervisor without tasks.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let stop = CancellationToken::new();
        let drain = stop.child_token();
        let tracker = TaskTracker::new();
        Self(Arc::new(Shared {
            tracker,
            running: Running::default(),
            drain,
            stop,
            failed: OnceLock::new(),
            clock,
        }))
    }

    /// Runs an essential part until everything stops. One that ends or panics before that takes the server down with
    /// it: shutdown begins, and [`Tasks::failed`] names it.
    pub fn spawn_essential<F>(&self, name: &'static str, part: impl FnOnce(CancellationToken) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let part = part(self.0.stop.clone());
        let tasks = self.clone();
        self.track(name, async move {
            let outcome = AssertUnwindSafe(part).catch_unwind().await;
            if outcome.is_err() || !tasks.0.stop.is_cancelled() {
                tracing::error!(task = name, panicked = outcome.is_err(), "essential task ended");
                let _first_wins = tasks.0.failed.set(name);
                tasks.drain();
            }
        });
    }

    /// Runs a background job until shutdown begins. `job` gets the future that completes then. One that panics is logged
    /// and started anew after 1, 2, 4 … 60 s.
    pub fn spawn_job<F>(&self, name: &'static str, job: impl Fn(Job) -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let tasks = self.clone();
        self.track(name, async move {
            let mut panics = 0;
            loop {
                let started = tasks.0.clock.instant();
                let draining = tasks.0.drain.clone().cancelled_owned();
                let outcome = AssertUnwindSafe(job(Box::pin(draining))).catch_unwind().await;
                if tasks.0.drain.is_cancelled() {
                    return;
                }
                let ran_well = tasks.0.clock.instant().saturating_duration_since(started) > LONGEST_PAUSE;
                panics = if ran_well { 1 } else { panics + 1 };
                let pause = pause_after(panics);
                tracing::error!(
                    job = name,
                    panicked = outcome.is_err(),
                    pause_s = pause.as_secs(),
                    "job ended"
                );
                tasks.rest(pause).await;
            }
        });
    }

    /// Does `work` every `period`, give or take a tenth, until shutdown begins; for the first time after a random part
    /// of the period. It never overlaps itself: the next period begins when it is done.
    pub fn spawn_periodic<F>(
        &self,
        name: &'static str,
        period: Duration,
        work: impl Fn() -> F + Clone + Send + Sync + 'static,
    ) where
        F: Future<Output = ()> + Send + 'static,
    {
        let tasks = self.clone();
        self.spawn_job(name, move |draining| {
            let (tasks, work) = (tasks.clone(), work.clone());
            async move {
                let rounds = async {
                    tasks.rest(period.mul_f64(rand::random_range(0.0..1.0))).await;
                    loop {
                        work().await;
                        tasks.rest(period.mul_f64(rand::random_range(0.9..1.1))).await;
                    }
                };
                tokio::select! {
                    biased;
                    () = draining => {}
                    () = rounds => {}
                }
            }
        });
    }

    /// Waits, but not longer than until shutdown begins.
    async fn rest(&self, pause: Duration) {
        let pause = self.0.clock.sleep_until(self.0.clock.instant() + pause);
        let _ended_or_draining = self.0.drain.run_until_cancelled(pause).await;
    }

    /// Begins shutdown: background jobs end.
    pub fn drain(&self) {
        self.0.drain.cancel();
    }

    /// Completes when shutdown begins.
    pub async fn draining(&self) {
        self.0.drain.cancelled().await;
    }

    /// Ends everything.
    pub fn stop(&self) {
        self.0.stop.cancel();
        self.0.tracker.close();
    }

    /// Completes once everything has ended; only after [`Tasks::stop`].
    pub async fn join(&self) {
        self.0.tracker.wait().await;
    }

    /// The essential part that ended before its time, if one did.
    #[must_use]
    pub fn failed(&self) -> Option<&'static str> {
        self.0.failed.get().copied()
    }

    /// What runs now, by name, with how many of each.
    #[must_use]
    pub fn running(&self) -> Vec<(&'static str, usize)> {
        self.0.running.list()
    }

    fn track(&self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let entry = self.0.running.enter(name);
        self.0.tracker.spawn(async move {
            let _entry = entry;
            task.await;
        });
    }
}

impl Spawner for Tasks {
    /// A task that panics ends alone; the panic hook has logged it.
    fn spawn(&self, name: &'static str, job: Job) {
        let stop = self.0.stop.clone();
        self.track(name, async move {
            let _ended_or_stopped = stop.run_until_cancelled(job).await;
        });
    }
}

impl std::fmt::Debug for Tasks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tasks")
            .field("running", &self.running())
            .field("failed", &self.failed())
            .finish_non_exhaustive()
    }
}

/// How long a job rests after that many panics in a row.
fn pause_after(panics: u32) -> Duration {
    FIRST_PAUSE.saturating_mul(1 << (panics.max(1) - 1).min(6)).min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_rests_longer_after_each_panic_up_to_a_minute() {
        let pauses: Vec<_> = (1..=8).map(|panics| pause_after(panics).as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
    }
}

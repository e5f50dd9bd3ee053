//! Task supervisor: owner of all tasks of the process.
//!
//! Two cancellations end tasks: *drain*, at the start of the shutdown, ends the background jobs; *stop*, at its end, ends
//! all others, those that run to completion after a delay. No task outlives [`Tasks::join`].

mod job_metrics;
mod running;

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::FutureExt as _;
use less_sync_engine::{Clock, Job, Random as _, Spawner};
use less_sync_metrics::Registry;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::field::Empty;
use tracing::{Instrument as _, Span};

use job_metrics::JobMetrics;
pub use job_metrics::JobOutcome;
use running::Running;

use crate::clock::SystemRandom;

/// Restart delay of a job after its first panic, doubled with each further one.
const FIRST_BACKOFF: Duration = Duration::from_secs(1);
/// Maximum restart delay; a job that ran longer starts over with [`FIRST_BACKOFF`].
const MAX_BACKOFF: Duration = Duration::from_mins(1);

/// Maximum time after [`Tasks::stop`] for tasks that run to completion. Less than what the shutdown reserves for its last
/// steps, so that a hanging object store does not turn an orderly shutdown into a failed one.
const COMPLETION_TIME: Duration = Duration::from_millis(1500);

/// Supervisor of tasks. Clones share their state.
#[derive(Clone)]
pub struct Tasks(Arc<Shared>);

struct Shared {
    tracker: TaskTracker,
    running: Running,
    jobs: JobMetrics,
    /// Cancelled at the start of the shutdown; a child of `stop`.
    drain: CancellationToken,
    /// Cancelled when all tasks have to end.
    stop: CancellationToken,
    /// First essential task that ended before `stop`.
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
            jobs: JobMetrics::default(),
            drain,
            stop,
            failed: OnceLock::new(),
            clock,
        }))
    }

    /// Runs an essential task until [`Tasks::stop`]. If the task ends or panics before that, the shutdown starts and
    /// [`Tasks::failed`] returns its name.
    pub fn spawn_essential<F>(&self, name: &'static str, task: impl FnOnce(CancellationToken) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let task = task(self.0.stop.clone());
        let tasks = self.clone();
        self.track(name, async move {
            let outcome = AssertUnwindSafe(task).catch_unwind().await;
            if outcome.is_err() || !tasks.0.stop.is_cancelled() {
                tracing::error!(
                    task = name,
                    panicked = outcome.is_err(),
                    "essential task ended unexpectedly"
                );
                let _first_wins = tasks.0.failed.set(name);
                tasks.drain();
            }
        });
    }

    /// Runs a background job until the shutdown starts; `job` receives a future that completes then. A job that panics or
    /// ends early is logged and restarted with exponential backoff: after 1, 2, 4 … 60 s. Its log lines are in a span `job`.
    pub fn spawn_job<F>(&self, name: &'static str, job: impl Fn(Job) -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.spawn_restarted(name, move |draining| job(draining).instrument(job_span(name)));
    }

    fn spawn_restarted<F>(&self, name: &'static str, job: impl Fn(Job) -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let tasks = self.clone();
        let metrics = self.0.jobs.start(name, false, self.0.clock.now());
        self.track(name, async move {
            let mut panics = 0;
            loop {
                let started = tasks.0.clock.instant();
                let draining = tasks.0.drain.clone().cancelled_owned();
                let outcome = AssertUnwindSafe(job(Box::pin(draining))).catch_unwind().await;
                if tasks.0.drain.is_cancelled() {
                    return;
                }
                metrics.ended.inc();
                // A job that fails once an hour must not end up with the longest delay.
                let ran_well = tasks.0.clock.instant().saturating_duration_since(started) > MAX_BACKOFF;
                panics = if ran_well { 1 } else { panics + 1 };
                let delay = backoff(panics);
                tracing::error!(
                    job = name,
                    panicked = outcome.is_err(),
                    delay_s = delay.as_secs(),
                    "background job ended, restarting"
                );
                tasks.sleep(delay).await;
            }
        });
    }

    /// Runs `work` every `period` ± 10 % until the shutdown starts, first after a random part of the period. Runs never
    /// overlap: the next period starts when `work` is done. Each run has a span `job`, with its outcome.
    pub fn spawn_periodic<F>(
        &self,
        name: &'static str,
        period: Duration,
        work: impl Fn() -> F + Clone + Send + Sync + 'static,
    ) where
        F: Future + Send + 'static,
        F::Output: Into<JobOutcome>,
    {
        let tasks = self.clone();
        let metrics = self.0.jobs.start(name, true, self.0.clock.now());
        self.spawn_restarted(name, move |draining| {
            let (tasks, work, metrics) = (tasks.clone(), work.clone(), metrics.clone());
            async move {
                // Random, so that several servers on one database spread their work.
                let rounds = async {
                    tasks.sleep(period.mul_f64(SystemRandom.fraction())).await;
                    loop {
                        let started = tasks.0.clock.instant();
                        // A span for each run: one for the job would never end.
                        let span = job_span(name);
                        let outcome = work().instrument(span.clone()).await.into();
                        span.record("outcome", outcome.as_str());
                        let duration = tasks.0.clock.instant().saturating_duration_since(started);
                        metrics.ran(outcome, duration, tasks.0.clock.now());
                        tasks.sleep(SystemRandom.jittered(period, 0.1)).await;
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

    /// Sleeps for `duration`, or until the shutdown starts.
    async fn sleep(&self, duration: Duration) {
        let sleep = self.0.clock.sleep_until(self.0.clock.instant() + duration);
        let _elapsed_or_draining = self.0.drain.run_until_cancelled(sleep).await;
    }

    /// Starts the shutdown: background jobs end.
    pub fn drain(&self) {
        self.0.drain.cancel();
    }

    /// Completes at the start of the shutdown.
    pub async fn draining(&self) {
        self.0.drain.cancelled().await;
    }

    /// Ends all tasks.
    pub fn stop(&self) {
        self.0.stop.cancel();
        self.0.tracker.close();
    }

    /// Completes once all tasks have ended; only after [`Tasks::stop`].
    pub async fn join(&self) {
        self.0.tracker.wait().await;
    }

    /// First essential task that ended before [`Tasks::stop`], if one did.
    #[must_use]
    pub fn failed(&self) -> Option<&'static str> {
        self.0.failed.get().copied()
    }

    /// Registers the metrics of the jobs that have started.
    pub(crate) fn register_metrics(&self, registry: &mut Registry) {
        self.0.jobs.register(registry);
    }

    /// Running tasks by name: their number, and the age of the oldest one.
    pub(crate) fn running_since(&self) -> Vec<(&'static str, usize, Duration)> {
        self.0.running.ages(self.0.clock.instant())
    }

    /// Number of running tasks by name.
    #[must_use]
    pub fn running(&self) -> Vec<(&'static str, usize)> {
        self.0.running.list()
    }

    fn track(&self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        // Counted before the task is polled for the first time, so that a report right after `spawn` lists it.
        let entry = self.0.running.enter(name, self.0.clock.instant());
        self.0.tracker.spawn(async move {
            // Dropped with the future: also when the task panics.
            let _entry = entry;
            task.await;
        });
    }
}

impl Spawner for Tasks {
    /// Runs `job` until it completes or [`Tasks::stop`]. A panic ends only this task; the panic hook logs it.
    fn spawn(&self, name: &'static str, job: Job) {
        let stop = self.0.stop.clone();
        self.track(name, async move {
            let _ended_or_stopped = stop.run_until_cancelled(job).await;
        });
    }

    /// Runs `job` until it completes, at most for one and a half seconds after [`Tasks::stop`].
    fn spawn_to_completion(&self, name: &'static str, job: Job) {
        let (stop, clock) = (self.0.stop.clone(), self.0.clock.clone());
        self.track(name, async move {
            let expiry = async {
                stop.cancelled().await;
                clock.sleep_until(clock.instant() + COMPLETION_TIME).await;
            };
            tokio::select! {
                biased;
                () = job => {}
                () = expiry => tracing::warn!(task = name, "task cancelled: it did not complete before the end of the process"),
            }
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

/// Span of a background job, or of one of its runs.
fn job_span(job: &'static str) -> Span {
    tracing::info_span!(parent: None, "job", job, outcome = Empty)
}

/// Restart delay after `panics` panics in a row.
fn backoff(panics: u32) -> Duration {
    FIRST_BACKOFF.saturating_mul(1 << (panics.max(1) - 1).min(6)).min(MAX_BACKOFF)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoff_doubles_up_to_a_minute() {
        let delays: Vec<_> = (1..=8).map(|panics| backoff(panics).as_secs()).collect();
        assert_eq!(delays, [1, 2, 4, 8, 16, 32, 60, 60]);
    }
}

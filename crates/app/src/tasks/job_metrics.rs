//! Metrics of background jobs (operations §7.2).

use std::sync::Arc;
use std::time::Duration;

use less_sync_core::Timestamp;
use less_sync_metrics::{Counter, Gauge, Histogram, Registry};
use parking_lot::Mutex;

/// Outcome of one run of a periodic job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobOutcome {
    /// The work is done.
    Ok,
    /// The work failed; the next run repeats it.
    Failed,
    /// Another process of the deployment does the work.
    Elsewhere {
        /// Unix time of the last success on any process, in seconds; `None`: none that is known.
        succeeded: Option<i64>,
    },
}

impl JobOutcome {
    pub(crate) fn of<T, E>(result: &Result<T, E>) -> Self {
        if result.is_ok() { Self::Ok } else { Self::Failed }
    }

    /// Name of the outcome in metrics and spans.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failed => "failed",
            Self::Elsewhere { .. } => "elsewhere",
        }
    }
}

impl From<()> for JobOutcome {
    fn from((): ()) -> Self {
        Self::Ok
    }
}

/// Metrics of all jobs of a supervisor.
#[derive(Debug, Default)]
pub(super) struct JobMetrics(Mutex<Vec<Arc<JobSeries>>>);

/// Metrics of one job.
#[derive(Debug)]
pub(super) struct JobSeries {
    name: &'static str,
    is_periodic: bool,
    ok: Counter,
    failed: Counter,
    elsewhere: Counter,
    /// Ends of the task of the job, by a panic or too early.
    pub(super) ended: Counter,
    duration: Histogram,
    /// Unix time of the last success, in seconds; of the start before the first one.
    last_success: Gauge,
}

impl JobMetrics {
    /// Metrics of a job that starts at `now`.
    pub(super) fn start(&self, name: &'static str, is_periodic: bool, now: Timestamp) -> Arc<JobSeries> {
        let mut jobs = self.0.lock();
        if let Some(known) = jobs.iter().find(|job| job.name == name) {
            return known.clone();
        }
        let last_success = Gauge::default();
        last_success.set(now.seconds());
        let job = Arc::new(JobSeries {
            name,
            is_periodic,
            ok: Counter::default(),
            failed: Counter::default(),
            elsewhere: Counter::default(),
            ended: Counter::default(),
            duration: Histogram::of_durations(),
            last_success,
        });
        jobs.push(job.clone());
        job
    }

    /// Registers the metrics of the jobs that have started.
    pub(super) fn register(&self, registry: &mut Registry) {
        let jobs = self.0.lock();
        let periodic = || jobs.iter().filter(|job| job.is_periodic);
        let runs = periodic().flat_map(|job| {
            [("ok", &job.ok), ("failed", &job.failed), ("elsewhere", &job.elsewhere)]
                .map(|(outcome, runs)| ([job.name, outcome], runs.clone()))
        });
        let ends = jobs.iter().map(|job| ([job.name, "ended"], job.ended.clone()));
        let help =
            "runs of periodic jobs, runs left to another process, and unexpected ends of the task of a job";
        registry.family("job_runs_total", help, ["job", "outcome"], runs.chain(ends));
        let durations = periodic().map(|job| ([job.name], job.duration.clone()));
        registry.family("job_duration_seconds", "durations of runs of periodic jobs", ["job"], durations);
        let successes = periodic().map(|job| ([job.name], job.last_success.clone()));
        let help = "Unix time of the last successful run of a periodic job on any process; of the start before the first one";
        registry.family("job_last_success_seconds", help, ["job"], successes);
    }
}

impl JobSeries {
    pub(super) fn ran(&self, outcome: JobOutcome, duration: Duration, now: Timestamp) {
        match outcome {
            JobOutcome::Ok => {
                self.duration.observe(duration);
                self.ok.inc();
                self.last_success.set(now.seconds());
            }
            JobOutcome::Failed => {
                self.duration.observe(duration);
                self.failed.inc();
            }
            JobOutcome::Elsewhere { succeeded } => {
                self.elsewhere.inc();
                // Never back to a success before the start: its age would be an alert.
                if let Some(succeeded) = succeeded.filter(|succeeded| *succeeded > self.last_success.get()) {
                    self.last_success.set(succeeded);
                }
            }
        }
    }
}

//! Cached health check of a dependency: single-flight, with a lifetime per result.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use less_sync_core::ErrorChain;
use less_sync_engine::{Clock, Files};
use less_sync_storage::{BlobError, Spaces, StorageError};
use tokio::sync::Mutex;

/// Lifetime of a failure, and of the success of a cheap check.
const SHORT_LIFETIME: Duration = Duration::from_secs(1);

/// Dependency that can be checked by using it.
#[async_trait]
trait Checked: Send + Sync {
    /// Returns true if the dependency works; logs the cause of a failure.
    async fn works(&self) -> bool;
}

/// Health check that runs at most once at a time and not again during the lifetime of its last result, however many
/// requests ask for it.
pub(crate) struct CachedCheck {
    dependency: Box<dyn Checked>,
    name: &'static str,
    /// Maximum duration of a check; a slower one counts as failed.
    timeout: Duration,
    /// Lifetime of a success.
    lifetime: Duration,
    clock: Arc<dyn Clock>,
    /// Time and result of the last check. Locked during a check, so that concurrent requests wait for its result.
    last: Mutex<Option<(Instant, bool)>>,
}

impl CachedCheck {
    /// Check of the database: at most once a second, with a timeout of 2 s (http §4).
    pub(crate) fn of_database(storage: Arc<dyn Spaces>, clock: Arc<dyn Clock>) -> Self {
        Self::new("database", Box::new(storage), Duration::from_secs(2), SHORT_LIFETIME, clock)
    }

    /// Check of the object store: at most once a minute, since it writes an object, with a timeout of 5 s (http §4).
    pub(crate) fn of_blobs(files: Files, clock: Arc<dyn Clock>) -> Self {
        Self::new("object store", Box::new(files), Duration::from_secs(5), Duration::from_mins(1), clock)
    }

    fn new(
        name: &'static str,
        dependency: Box<dyn Checked>,
        timeout: Duration,
        lifetime: Duration,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { dependency, name, timeout, lifetime, clock, last: Mutex::new(None) }
    }

    /// Returns true if the dependency works, from the cache or by a check of at most the timeout.
    pub(crate) async fn passes(&self) -> bool {
        let mut last = self.last.lock().await;
        if let Some((at, passed)) = *last {
            let lifetime = if passed { self.lifetime } else { SHORT_LIFETIME };
            if self.clock.instant().saturating_duration_since(at) < lifetime {
                return passed;
            }
        }
        let passed = self.check().await;
        // The time of the end: with a hanging dependency, every request that waited for the lock gets this result.
        *last = Some((self.clock.instant(), passed));
        passed
    }

    async fn check(&self) -> bool {
        let deadline = self.clock.sleep_until(self.clock.instant() + self.timeout);
        tokio::select! {
            biased;
            works = self.dependency.works() => works,
            () = deadline => {
                tracing::warn!(dependency = self.name, "health check timed out");
                false
            }
        }
    }
}

#[async_trait]
impl Checked for Arc<dyn Spaces> {
    async fn works(&self) -> bool {
        let outcome: Result<(), StorageError> = self.ping().await;
        let log = |error: &StorageError| tracing::warn!(error = %ErrorChain(error), "health check of the database failed");
        outcome.inspect_err(log).is_ok()
    }
}

#[async_trait]
impl Checked for Files {
    async fn works(&self) -> bool {
        let outcome: Result<(), BlobError> = self.probe().await;
        let log = |error: &BlobError| tracing::warn!(error = %ErrorChain(error), "health check of the object store failed");
        // A full store rejects uploads by itself; downloads and deletions need the server.
        outcome.inspect_err(log).map_or_else(|error| error.is_full(), |()| true)
    }
}

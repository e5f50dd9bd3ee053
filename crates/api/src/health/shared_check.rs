//! One sign of life from a part of the server for everybody who asks at the same time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use less_sync_core::ErrorChain;
use less_sync_engine::{Clock, Files};
use less_sync_storage::{BlobError, Spaces, StorageError};
use tokio::sync::Mutex;

/// How long a failure is good for, and the word of something that is asked cheaply.
const SOON: Duration = Duration::from_secs(1);

/// Something that can be asked whether it works.
#[async_trait]
trait Part: Send + Sync {
    /// Says what is wrong in the log, and here only that.
    async fn works(&self) -> bool;
}

/// Asks a part at most once at a time, and not again while its last answer is good, whoever asks how often.
pub(crate) struct SharedCheck {
    part: Box<dyn Part>,
    name: &'static str,
    /// How long it may take to answer.
    patience: Duration,
    /// How long it is believed that it works.
    trust: Duration,
    clock: Arc<dyn Clock>,
    /// When the last result was had, and what it was. Locked while the next one is awaited.
    last: Mutex<Option<(Instant, bool)>>,
}

impl SharedCheck {
    /// Of the database: asked every second at most, for two seconds (http §4).
    pub(crate) fn of_database(storage: Arc<dyn Spaces>, clock: Arc<dyn Clock>) -> Self {
        Self::new("database", Box::new(storage), Duration::from_secs(2), SOON, clock)
    }

    /// Of the object store, which is written to for it: every minute at most (http §4).
    pub(crate) fn of_blobs(files: Files, clock: Arc<dyn Clock>) -> Self {
        Self::new("object store", Box::new(files), Duration::from_secs(5), Duration::from_mins(1), clock)
    }

    fn new(
        name: &'static str,
        part: Box<dyn Part>,
        patience: Duration,
        trust: Duration,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { part, name, patience, trust, clock, last: Mutex::new(None) }
    }

    /// Whether the part works. Takes no longer than its patience, and no time when that is known already.
    pub(crate) async fn passes(&self) -> bool {
        let mut last = self.last.lock().await;
        if let Some((at, worked)) = *last
            && self.clock.instant().saturating_duration_since(at) < if worked { self.trust } else { SOON }
        {
            return worked;
        }
        let works = self.ask().await;
        *last = Some((self.clock.instant(), works));
        works
    }

    async fn ask(&self) -> bool {
        let too_slow = self.clock.sleep_until(self.clock.instant() + self.patience);
        tokio::select! {
            biased;
            works = self.part.works() => works,
            () = too_slow => {
                tracing::warn!(part = self.name, "no answer in time");
                false
            }
        }
    }
}

#[async_trait]
impl Part for Arc<dyn Spaces> {
    async fn works(&self) -> bool {
        let outcome: Result<(), StorageError> = self.ping().await;
        let failed =
            |error: &StorageError| tracing::warn!(error = %ErrorChain(error), "database does not answer");
        outcome.inspect_err(failed).is_ok()
    }
}

#[async_trait]
impl Part for Files {
    async fn works(&self) -> bool {
        let outcome: Result<(), BlobError> = self.probe().await;
        let failed =
            |error: &BlobError| tracing::warn!(error = %ErrorChain(error), "object store does not work");
        outcome.inspect_err(failed).is_ok()
    }
}

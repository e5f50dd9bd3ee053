//! The engine: everything the use cases share.

use std::sync::Arc;
use std::time::Duration;

use less_sync_core::limits;
use less_sync_storage::{PushLimits, Storage};
use tokio::sync::Semaphore;

use crate::authorize::Authorizer;
use crate::budget::Budget;
use crate::ports::{Clock, EventSink};

const DAY: Duration = Duration::from_hours(24);

/// Bounds of the use cases.
#[derive(Clone, Copy, Debug)]
pub struct EngineSettings {
    /// Bounds of a push (`MAX_PUSH_RECORDS`, `MAX_RECORD_BLOB_SIZE`, `MAX_PUSH_BYTES`).
    pub push_limits: PushLimits,
    /// Page reads of pulls at once (`MAX_CONCURRENT_PULLS`).
    pub pull_concurrency: usize,
    /// Shared spaces an actor may create per day (`RATE_LIMIT_SPACES_PER_DAY`).
    pub spaces_per_day: usize,
}

impl Default for EngineSettings {
    fn default() -> Self {
        Self {
            push_limits: PushLimits {
                records: limits::PUSH_RECORDS,
                blob: limits::RECORD_BLOB,
                bytes: limits::PUSH_BYTES,
            },
            pull_concurrency: 10,
            spaces_per_day: 200,
        }
    }
}

/// The use cases, over one store.
pub struct Engine {
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) authorizer: Authorizer<dyn Storage>,
    pub(crate) events: Arc<dyn EventSink>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) page_reads: Arc<Semaphore>,
    pub(crate) space_budget: Budget,
    pub(crate) settings: EngineSettings,
}

impl Engine {
    /// An engine over `storage` that publishes to `events`.
    #[must_use]
    pub fn new(
        storage: Arc<dyn Storage>,
        events: Arc<dyn EventSink>,
        clock: Arc<dyn Clock>,
        settings: EngineSettings,
    ) -> Self {
        Self {
            authorizer: Authorizer::new(storage.clone()),
            storage,
            events,
            clock,
            page_reads: Arc::new(Semaphore::new(settings.pull_concurrency.max(1))),
            space_budget: Budget::new(settings.spaces_per_day, DAY),
            settings,
        }
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("settings", &self.settings).finish_non_exhaustive()
    }
}

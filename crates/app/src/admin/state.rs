//! State that the admin routes show or change.

use std::sync::Arc;

use axum::extract::State;
use less_sync_core::Timestamp;
use less_sync_engine::Clock;
use less_sync_metrics::Registry;
use less_sync_realtime::Endpoint;

use crate::log_filter::LogFilter;
use crate::store::Store;
use crate::tasks::Tasks;

/// State of the admin routes.
pub(crate) struct AdminState {
    pub(crate) metrics: Arc<Registry>,
    pub(crate) tasks: Tasks,
    pub(crate) store: Store,
    pub(crate) endpoint: Arc<Endpoint>,
    pub(crate) clock: Arc<dyn Clock>,
    /// Setter of the log filter; `None` where the log belongs to another program.
    pub(crate) log: Option<LogFilter>,
}

/// State as the handlers extract it.
pub(super) type Shared = State<Arc<AdminState>>;

impl AdminState {
    /// Seconds from `earlier` until now.
    pub(super) fn seconds_since(&self, earlier: Timestamp) -> f64 {
        self.clock.now().since(earlier).as_secs_f64()
    }
}

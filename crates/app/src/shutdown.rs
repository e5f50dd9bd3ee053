//! Graceful shutdown within the grace period (operations §5).

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::bail;
use less_sync_api::Draining;
use less_sync_engine::Clock;
use less_sync_realtime::Endpoint;
use less_sync_storage::Blobs;

use crate::listen::ListenerContext;
use crate::service_manager::ServiceManager;
use crate::store::Store;
use crate::tasks::Tasks;

/// Part of the grace period reserved for tasks and storage after the HTTP connections.
const RESERVE: Duration = Duration::from_secs(2);

/// Components to shut down.
pub(crate) struct Shutdown {
    pub(crate) tasks: Tasks,
    pub(crate) draining: Draining,
    pub(crate) endpoint: Arc<Endpoint>,
    pub(crate) listener: Arc<ListenerContext>,
    pub(crate) store: Store,
    pub(crate) blobs: Option<Arc<dyn Blobs>>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) grace: Duration,
    pub(crate) service_manager: ServiceManager,
}

impl Shutdown {
    /// Waits for the start of the shutdown, then performs it.
    ///
    /// # Errors
    /// An essential task ended before the shutdown, or the grace period was exceeded.
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        self.tasks.draining().await;
        let began = self.clock.instant();
        // Readiness turns red before connections close, so that a load balancer sends no new ones meanwhile.
        self.draining.begin();
        self.service_manager.stopping();
        tracing::info!("shutdown started");
        tokio::select! {
            biased;
            () = self.in_order(began) => {}
            () = self.clock.sleep_until(began + self.grace) => return self.abort(),
        }
        let took = self.clock.instant().saturating_duration_since(began);
        let duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        tracing::info!(duration_ms, "shutdown complete");
        match self.tasks.failed() {
            Some(task) => bail!("{task} ended unexpectedly"),
            None => Ok(()),
        }
    }

    /// Order matters: edges first, since their requests still use tasks and storage; storage last, since tasks write to it.
    async fn in_order(&self, began: Instant) {
        // Upgraded connections do not count as open HTTP connections, so the endpoint closes them itself.
        self.endpoint.drain().await;
        let until = began + self.grace.saturating_sub(RESERVE);
        tokio::select! {
            biased;
            () = self.listener.close() => {}
            () = self.clock.sleep_until(until) => tracing::warn!("http requests aborted near the end of the grace period"),
        }
        self.tasks.stop();
        // Without this a task could still be in the middle of a write when the store closes below.
        self.tasks.join().await;
        if let Some(blobs) = &self.blobs {
            blobs.close().await;
        }
        self.store.close().await;
    }

    fn abort(&self) -> anyhow::Result<()> {
        let running = self.tasks.running();
        tracing::error!(?running, "shutdown grace period exceeded");
        self.tasks.stop();
        bail!("shutdown took longer than {:?}", self.grace)
    }
}

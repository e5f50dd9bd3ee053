//! The end of a server, step by step (operations §5).

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::bail;
use less_sync_api::Draining;
use less_sync_engine::Clock;
use less_sync_realtime::Endpoint;
use less_sync_storage::Blobs;

use crate::listen::Serving;
use crate::service_manager::ServiceManager;
use crate::store::Store;
use crate::tasks::Tasks;

/// What is left of the grace period for storage when everything else must have ended.
const RESERVE: Duration = Duration::from_secs(2);

/// What has to end, in this order.
pub(crate) struct Shutdown {
    pub(crate) tasks: Tasks,
    pub(crate) draining: Draining,
    pub(crate) endpoint: Arc<Endpoint>,
    pub(crate) serving: Arc<Serving>,
    pub(crate) store: Store,
    pub(crate) blobs: Option<Arc<dyn Blobs>>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) grace: Duration,
    pub(crate) service_manager: ServiceManager,
}

impl Shutdown {
    /// Waits until shutdown begins, and carries it out.
    ///
    /// # Errors
    /// An essential part ended before its time, or the grace period was not enough.
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        self.tasks.draining().await;
        let began = self.clock.instant();
        self.draining.begin();
        self.service_manager.stopping();
        tracing::info!("shutting down");
        tokio::select! {
            biased;
            () = self.in_order(began) => {}
            () = self.clock.sleep_until(began + self.grace) => return self.give_up(),
        }
        let took = self.clock.instant().saturating_duration_since(began);
        let duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        tracing::info!(duration_ms, "stopped");
        match self.tasks.failed() {
            Some(task) => bail!("{task} ended unexpectedly"),
            None => Ok(()),
        }
    }

    async fn in_order(&self, began: Instant) {
        self.endpoint.drain().await;
        let until = began + self.grace.saturating_sub(RESERVE);
        tokio::select! {
            biased;
            () = self.serving.close() => {}
            () = self.clock.sleep_until(until) => tracing::warn!("http requests are cut off"),
        }
        self.tasks.stop();
        self.tasks.join().await;
        if let Some(blobs) = &self.blobs {
            blobs.close().await;
        }
        self.store.close().await;
    }

    fn give_up(&self) -> anyhow::Result<()> {
        let running = self.tasks.running();
        tracing::error!(?running, "the grace period is over");
        self.tasks.stop();
        bail!("shutdown took longer than {:?}", self.grace)
    }
}

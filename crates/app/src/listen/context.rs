//! State shared by all connections of a listener.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use ipnet::IpNet;
use less_sync_api::ApiState;
use less_sync_engine::Clock;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Config;
use crate::tasks::Tasks;

/// Minimum of the process-wide connection limit, upgraded connections included.
const MAX_CONNECTIONS: usize = 20_000;

/// Shared state of the connections of one listener.
pub(crate) struct ListenerContext {
    pub(super) router: Router,
    /// Builds the error responses to malformed requests.
    pub(super) api: ApiState,
    pub(super) clock: Arc<dyn Clock>,
    /// Owner of the connection tasks.
    pub(super) tasks: Tasks,
    /// Networks whose `X-Forwarded-For` is trusted.
    pub(super) trusted_proxies: Vec<IpNet>,
    pub(super) max_connections: usize,
    /// Maximum time without progress while a response body is sent.
    pub(super) body_timeout: Duration,
    /// Minimum rate in bytes per second at which a client takes responses.
    pub(super) min_rate: u64,
    /// Cancelled by [`ListenerContext::close`]: connections end as soon as they are idle.
    pub(super) closing: CancellationToken,
    /// Tracks connections that are not upgraded.
    pub(super) open: TaskTracker,
}

impl ListenerContext {
    pub(crate) fn new(
        (router, api): (Router, ApiState),
        clock: Arc<dyn Clock>,
        tasks: Tasks,
        config: &Config,
    ) -> Arc<Self> {
        // Twice the number of WebSockets, so that HTTP requests still get in when all of them are taken.
        let max_connections =
            config.limits.realtime.max_connections_total.saturating_mul(2).max(MAX_CONNECTIONS);
        Arc::new(Self {
            router,
            api,
            clock,
            tasks,
            trusted_proxies: config.server.trusted_proxies.clone(),
            max_connections,
            body_timeout: config.files.settings.idle_timeout,
            min_rate: config.files.settings.min_rate,
            closing: CancellationToken::new(),
            open: TaskTracker::new(),
        })
    }

    /// Stops accepting connections, closes idle ones, and waits for the responses under way.
    pub(crate) async fn close(&self) {
        self.closing.cancel();
        self.open.close();
        self.open.wait().await;
    }
}

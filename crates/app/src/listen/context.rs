//! State shared by all connections of a listener.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use http::{HeaderValue, Response, StatusCode};
use ipnet::IpNet;
use less_sync_api::ApiState;
use less_sync_engine::Clock;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::activity::Timeouts;
use super::tls::Tls;
use super::waiting::WaitingConnections;
use crate::config::{Config, ServerConfig};
use crate::file_limit;
use crate::tasks::Tasks;

/// Maximum connections of the admin listener; half of them from one address may wait for a request.
const ADMIN_CONNECTIONS: usize = 64;

/// Maximum connections of the listener of an issuer.
const ISSUER_CONNECTIONS: usize = 1024;

/// Time for the body of a request to an issuer, or between two parts of it.
const ISSUER_BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// Response to a malformed request, by its status.
type Rejection = Box<dyn Fn(StatusCode) -> Response<String> + Send + Sync>;

/// Shared state of the connections of one listener.
pub(crate) struct ListenerContext {
    pub(super) router: Router,
    /// Builds the error responses to malformed requests.
    pub(super) rejection: Rejection,
    pub(super) clock: Arc<dyn Clock>,
    /// Owner of the connection tasks.
    pub(super) tasks: Tasks,
    /// Networks whose `X-Forwarded-For` is trusted.
    pub(super) trusted_proxies: Vec<IpNet>,
    /// Maximum connections of the process, upgraded ones included.
    pub(super) max_connections: usize,
    pub(super) waiting: Arc<WaitingConnections>,
    /// TLS of new connections; `None`: none.
    pub(super) tls: Option<Arc<Tls>>,
    pub(super) timeouts: Timeouts,
    /// Value of `Keep-Alive` that announces the idle time.
    pub(super) keep_alive: HeaderValue,
    /// Cancelled by [`ListenerContext::close`]: connections end as soon as they are idle.
    pub(super) closing: CancellationToken,
    /// Tracks connections that are not upgraded.
    pub(super) open: TaskTracker,
}

impl ListenerContext {
    /// State of a listener; `open_files`: limit of open files of the process, `tls`: TLS of its connections.
    pub(crate) fn new(
        (router, api): (Router, ApiState),
        clock: Arc<dyn Clock>,
        tasks: Tasks,
        config: &Config,
        open_files: Option<u64>,
        tls: Option<Arc<Tls>>,
    ) -> Arc<Self> {
        let wanted = file_limit::wanted_connections(config);
        let reserve = file_limit::reserve(config);
        let max_connections = file_limit::connections(wanted, open_files, reserve);
        // At most a quarter of all places, so that silence from one address leaves room for others.
        let per_address = config.server.max_waiting_per_address.min(max_connections / 4);
        let open_files = open_files.unwrap_or(u64::MAX);
        tracing::info!(max_connections, open_files, reserve, per_address, "connection limits");
        Self::bounded((router, api), clock, tasks, config, (max_connections, per_address), tls)
    }

    /// State of the admin listener, with few connections of its own.
    pub(crate) fn for_admin(
        services: (Router, ApiState),
        clock: Arc<dyn Clock>,
        tasks: Tasks,
        config: &Config,
    ) -> Arc<Self> {
        Self::bounded(services, clock, tasks, config, (ADMIN_CONNECTIONS, ADMIN_CONNECTIONS / 2), None)
    }

    /// State of the listener of an issuer, whose requests and responses are small.
    pub(crate) fn for_issuer(
        router: Router,
        clock: Arc<dyn Clock>,
        tasks: Tasks,
        config: &ServerConfig,
    ) -> Arc<Self> {
        let timeouts = Timeouts { idle: config.idle_timeout, body: ISSUER_BODY_TIMEOUT, min_rate: 0 };
        let per_address = config.max_waiting_per_address.min(ISSUER_CONNECTIONS / 4);
        let rejection = |status: StatusCode| {
            let mut response = Response::new(String::new());
            *response.status_mut() = status;
            response
        };
        let services = (router, Box::new(rejection) as Rejection);
        Self::with_timeouts(services, clock, tasks, config, (timeouts, ISSUER_CONNECTIONS, per_address), None)
    }

    fn bounded(
        (router, api): (Router, ApiState),
        clock: Arc<dyn Clock>,
        tasks: Tasks,
        config: &Config,
        (max_connections, per_address): (usize, usize),
        tls: Option<Arc<Tls>>,
    ) -> Arc<Self> {
        let timeouts = Timeouts {
            idle: config.server.idle_timeout,
            body: config.files.settings.idle_timeout,
            min_rate: config.files.settings.min_rate,
        };
        let rejection = move |status| less_sync_api::rejection(status, &api);
        let services = (router, Box::new(rejection) as Rejection);
        Self::with_timeouts(
            services,
            clock,
            tasks,
            &config.server,
            (timeouts, max_connections, per_address),
            tls,
        )
    }

    fn with_timeouts(
        (router, rejection): (Router, Rejection),
        clock: Arc<dyn Clock>,
        tasks: Tasks,
        config: &ServerConfig,
        (timeouts, max_connections, per_address): (Timeouts, usize, usize),
        tls: Option<Arc<Tls>>,
    ) -> Arc<Self> {
        Arc::new(Self {
            router,
            rejection,
            clock,
            tasks,
            trusted_proxies: config.trusted_proxies.clone(),
            max_connections,
            waiting: WaitingConnections::new(per_address, config.trusted_proxies.clone()),
            tls,
            timeouts,
            keep_alive: keep_alive(timeouts.idle),
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

/// Value of `Keep-Alive` for connections that are kept for `idle`, in whole seconds rounded down.
fn keep_alive(idle: Duration) -> HeaderValue {
    HeaderValue::from_str(&format!("timeout={}", idle.as_secs()))
        .unwrap_or_else(|_| HeaderValue::from_static("timeout=1"))
}

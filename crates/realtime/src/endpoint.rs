//! WebSocket endpoint of a server: the state that its connections share, and its shutdown.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use less_sync_auth::{Caller, TokenError};
use less_sync_core::{Close, ConnectionId};
use less_sync_engine::ports::Deployment;
use less_sync_engine::{Authenticator, Clock, Denials, Engine, LiveNodes, Random, Spawner};
use less_sync_metrics::Registry as MetricRegistry;
use parking_lot::Mutex;

use crate::broker::Broker;
use crate::frame_metrics::FrameMetrics;
use crate::inbound_memory::InboundMemory;
use crate::inbound_pace::InboundPace;
use crate::limits::Limits;
use crate::mailbox_notifier::MailboxNotifier;
use crate::metrics::ConnectionMetrics;
use crate::open_connection::OpenConnection;
use crate::registry::Registry;
use crate::rejection_pace::RejectionPace;
use crate::rpc_metrics::RpcMetrics;
use crate::slow_consumers::SlowConsumers;

/// Dependencies and configuration of an endpoint.
#[derive(Clone)]
pub struct EndpointDeps {
    /// Use cases of the methods.
    pub engine: Arc<Engine>,
    /// Validation of access tokens.
    pub authenticator: Arc<Authenticator>,
    /// Live subscriptions; also the port of the engine for events of spaces.
    pub broker: Arc<Broker>,
    /// Notices to owners of mailboxes; also the port of the engine for them.
    pub mailboxes: Arc<MailboxNotifier>,
    /// Time source.
    pub clock: Arc<dyn Clock>,
    /// Source of connection ids and of the jitter of lifetimes.
    pub random: Arc<dyn Random>,
    /// Owner of the tasks of connections.
    pub spawner: Arc<dyn Spawner>,
    /// Ring for denied requests.
    pub denials: Arc<Denials>,
    /// Nodes that share the limits of connections.
    pub nodes: LiveNodes,
    /// Other nodes, for disconnections by the operator.
    pub deployment: Arc<dyn Deployment>,
    /// Timers and bounds.
    pub limits: Limits,
}

impl std::fmt::Debug for EndpointDeps {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EndpointDeps").field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// WebSocket endpoint of a server.
pub struct Endpoint {
    pub(crate) engine: Arc<Engine>,
    pub(crate) authenticator: Arc<Authenticator>,
    pub(crate) broker: Arc<Broker>,
    pub(crate) mailboxes: Arc<MailboxNotifier>,
    pub(crate) deployment: Arc<dyn Deployment>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) spawner: Arc<dyn Spawner>,
    pub(crate) limits: Arc<Limits>,
    pub(crate) registry: Arc<Registry>,
    pub(crate) rejection_pace: RejectionPace,
    pub(crate) inbound_memory: Arc<InboundMemory>,
    pub(crate) inbound_pace: InboundPace,
    pub(crate) metrics: Arc<ConnectionMetrics>,
    pub(crate) rpc_metrics: RpcMetrics,
    pub(crate) frame_metrics: FrameMetrics,
    is_draining: AtomicBool,
    /// Number of running requests on all connections.
    pub(crate) running: AtomicUsize,
    /// The last denials, shared with the HTTP edge.
    pub(crate) denials: Arc<Denials>,
    pub(crate) slow_consumers: SlowConsumers,
    /// All connections, authenticated or not.
    open: Mutex<HashMap<ConnectionId, Arc<OpenConnection>>>,
}

impl Endpoint {
    /// An endpoint without connections.
    #[must_use]
    pub fn new(deps: EndpointDeps) -> Arc<Self> {
        let EndpointDeps {
            engine,
            authenticator,
            broker,
            mailboxes,
            clock,
            random,
            spawner,
            denials,
            nodes,
            deployment,
            limits,
        } = deps;
        let metrics = Arc::<ConnectionMetrics>::default();
        Arc::new(Self {
            registry: Registry::new(&limits, nodes, metrics.clone()),
            rejection_pace: RejectionPace::new(),
            inbound_memory: InboundMemory::new(limits.inbound_memory, limits.max_inbound_message),
            inbound_pace: InboundPace::new(),
            metrics,
            rpc_metrics: RpcMetrics::default(),
            frame_metrics: FrameMetrics::default(),
            engine,
            authenticator,
            broker,
            mailboxes,
            deployment,
            clock,
            random,
            spawner,
            limits: Arc::new(limits),
            is_draining: AtomicBool::new(false),
            running: AtomicUsize::new(0),
            denials,
            slow_consumers: SlowConsumers::default(),
            open: Mutex::default(),
        })
    }

    /// Registers the metrics of this endpoint, its broker and its mailbox notices.
    pub fn register_metrics(&self, registry: &mut MetricRegistry) {
        self.metrics.register(registry);
        self.broker.metrics().register(self.mailboxes.metrics(), registry);
        self.inbound_memory.register(registry);
        self.rpc_metrics.register(registry);
        self.frame_metrics.register(registry);
    }

    /// Adds the current sizes of all outbound queues to their metric.
    pub fn sample_queues(&self) {
        for open in self.open_connections() {
            self.frame_metrics.sample_queues(open.outbox.queued_bytes());
        }
    }

    /// All connections, copied so that others open and close meanwhile.
    pub(crate) fn open_connections(&self) -> Vec<Arc<OpenConnection>> {
        self.open.lock().values().cloned().collect()
    }

    /// The connection with this id.
    pub(crate) fn open_connection(&self, id: ConnectionId) -> Option<Arc<OpenConnection>> {
        self.open.lock().get(&id).cloned()
    }

    /// True once the endpoint is stopping.
    pub(crate) fn is_draining(&self) -> bool {
        self.is_draining.load(Ordering::Acquire)
    }

    /// Validates an access token.
    pub(crate) async fn authenticate(&self, token: &str) -> Result<Caller, TokenError> {
        self.authenticator.authenticate(token).await
    }

    /// Registers a connection, for the shutdown and the operator.
    pub(crate) fn opened(&self, open: &Arc<OpenConnection>) {
        self.open.lock().insert(open.id, open.clone());
        // Checked after the insertion: `drain` sets the flag before it copies the list, so a connection is either in that
        // copy or sees the flag here.
        if self.is_draining() {
            open.outbox.close(Close::SHUTDOWN);
        }
    }

    /// Unregisters a connection.
    pub(crate) fn closed(&self, id: ConnectionId) {
        let mut open = self.open.lock();
        open.remove(&id);
        if open.is_empty() {
            open.shrink_to_fit();
        }
    }

    /// Stops the endpoint (protocol §1.12): rejects upgrades, starts no requests, waits for running ones within the drain
    /// time, and closes every connection with 1001, evenly spread over the spread time. Returns once all are closed, or
    /// after a second for the last one.
    pub async fn drain(&self) {
        self.is_draining.store(true, Ordering::Release);
        let begun = self.clock.instant();
        let open = self.open_connections();
        for connection in &open {
            connection.outbox.drain();
        }
        self.wait_idle(begun + self.limits.shutdown_drain).await;
        let count = u32::try_from(open.len()).unwrap_or(u32::MAX).max(1);
        let pause = self.limits.shutdown_spread / count;
        let mut next = self.clock.instant();
        // Spread, because all clients reconnect at once after their close: to another server of the deployment, or to the
        // next process here.
        for connection in open {
            self.pause_until(next).await;
            connection.outbox.close(Close::SHUTDOWN);
            next += pause;
        }
        self.wait_empty(
            self.clock.instant() + self.limits.short_close_timeout() + Duration::from_millis(500),
        )
        .await;
    }

    /// Waits until no request runs, at most until `until`.
    async fn wait_idle(&self, until: std::time::Instant) {
        while self.clock.instant() < until && self.running.load(Ordering::Acquire) > 0 {
            self.pause().await;
        }
    }

    /// Waits until no connection is open, at most until `until`.
    async fn wait_empty(&self, until: std::time::Instant) {
        while self.clock.instant() < until && !self.open.lock().is_empty() {
            self.pause().await;
        }
    }

    /// Waits for one polling step. Polling is enough here: the shutdown happens once, and counters are cheap to read.
    async fn pause(&self) {
        const STEP: Duration = Duration::from_millis(20);
        self.clock.sleep_until(self.clock.instant() + STEP).await;
    }

    /// Sleeps until `at` unless that is less than a tick away: thousands of connections are closed several per tick.
    async fn pause_until(&self, at: std::time::Instant) {
        const TICK: Duration = Duration::from_millis(2);
        if at > self.clock.instant() + TICK {
            self.clock.sleep_until(at).await;
        }
    }
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Endpoint").field("limits", &self.limits).finish_non_exhaustive()
    }
}

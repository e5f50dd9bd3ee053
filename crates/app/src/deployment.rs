//! Server as a node of a deployment: transport, and the jobs behind it.

use std::sync::Arc;

use less_sync_api::NodeStatus;
#[cfg(feature = "nats")]
use less_sync_bus::{NatsBus, NatsOptions};
use less_sync_bus::{Node, NodeFacts, NodeTimes, PostgresBus};
use less_sync_engine::ports::{Deployment, FanoutBus, RemoteEvents, SingleNode};
use less_sync_engine::{Clock, LiveNodes};
use less_sync_metrics::Registry;
use less_sync_realtime::RemoteChanges;
use less_sync_storage_postgres::migrate::latest_version;

use crate::config::{BusConfig, Config};
use crate::store::Store;
use crate::tasks::Tasks;

/// Node of a deployment; without a transport, a single one.
#[derive(Clone, Debug)]
pub(crate) struct DeploymentNode {
    node: Option<Arc<Node>>,
    live: LiveNodes,
}

impl DeploymentNode {
    /// Node with the transport of the configuration, or with `replacement`. Connects once its jobs run.
    pub(crate) fn new(
        (config, store): (&Config, &Store),
        version: &'static str,
        clock: &Arc<dyn Clock>,
        replacement: Option<Arc<dyn FanoutBus>>,
    ) -> Self {
        let live = LiveNodes::default();
        let Some(bus) = replacement.or_else(|| transport(config, store)) else {
            return Self { node: None, live };
        };
        let facts = NodeFacts {
            software: version.to_owned(),
            schema: latest_version(),
            identity: config.identity.hash_key.as_ref().map(|key| key.fingerprint()),
        };
        let (clock, times) = (clock.clone(), NodeTimes::default());
        Self { node: Some(Node::new(rand::random(), bus, clock, live.clone(), facts, times)), live }
    }

    /// Port for messages to other nodes.
    pub(crate) fn port(&self) -> Arc<dyn Deployment> {
        match &self.node {
            Some(node) => node.clone(),
            None => Arc::new(SingleNode),
        }
    }

    /// Number of live nodes.
    pub(crate) fn live(&self) -> LiveNodes {
        self.live.clone()
    }

    /// State of the node for readiness reports; `None` without a transport.
    pub(crate) fn status(&self) -> Option<Arc<dyn Fn() -> NodeStatus + Send + Sync>> {
        let node = self.node.clone()?;
        Some(Arc::new(move || {
            let health = node.health();
            NodeStatus { transport: health.transport, is_up: health.is_up, nodes: health.nodes }
        }))
    }

    /// Registers the metrics of the bus, and starts the jobs that pass messages on.
    pub(crate) fn start(
        &self,
        (remote, changes): (Arc<dyn RemoteEvents>, Arc<RemoteChanges>),
        tasks: &Tasks,
        metrics: &mut Registry,
    ) {
        let Some(node) = &self.node else { return less_sync_bus::register_idle(metrics) };
        node.register_metrics(metrics);
        let (node, newcomer) = (node.clone(), node.clone());
        tasks.spawn_job("bus", move |draining| {
            let (node, remote) = (node.clone(), remote.clone());
            async move { node.run(&*remote, draining).await }
        });
        tasks.spawn_essential("agreement with other nodes", |stop| async move {
            let _stopped_or_rejected = stop.run_until_cancelled(newcomer.rejected()).await;
        });
        tasks.spawn_job("changes of other nodes", move |draining| {
            let changes = changes.clone();
            async move { changes.run(draining).await }
        });
    }
}

fn transport(config: &Config, store: &Store) -> Option<Arc<dyn FanoutBus>> {
    match (&config.bus, store) {
        (BusConfig::Postgres, Store::Postgres(storage)) => {
            Some(Arc::new(PostgresBus::new(storage.notifications())))
        }
        #[cfg(feature = "nats")]
        (BusConfig::Nats(options), _) => Some(Arc::new(NatsBus::new(NatsOptions::clone(options)))),
        (BusConfig::None | BusConfig::Postgres, _) => None,
    }
}

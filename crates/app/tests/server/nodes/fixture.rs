//! Two nodes on one PostgreSQL database.

use std::sync::Arc;

use less_sync_bus::{LocalBus, LocalHub};
use less_sync_core::Permission;
use less_sync_test_support::{
    Member, NatsServer, RawClient, SharedSpace, TestNode, TestServer, TestServerBuilder, within,
};
use serde_json::Value;

/// Two nodes that know each other.
pub(super) struct Nodes {
    pub(super) one: TestServer,
    pub(super) other: TestNode,
}

impl Nodes {
    /// Nodes that talk by notifications of the database.
    pub(super) async fn over_postgres() -> Self {
        Self::start(TestServer::builder(), None).await
    }

    /// Nodes that talk over `server`.
    pub(super) async fn over_nats(server: &NatsServer) -> Self {
        Self::start(with_nats(TestServer::builder(), &server.url()), None).await
    }

    /// Nodes that talk over `hub`, with events of at most `max_event` bytes in their messages.
    pub(super) async fn over(hub: &Arc<LocalHub>, max_event: usize) -> Self {
        Self::start(TestServer::builder(), Some((hub, max_event))).await
    }

    /// Nodes with the settings of `builder`.
    pub(super) async fn start(builder: TestServerBuilder, hub: Option<(&Arc<LocalHub>, usize)>) -> Self {
        let bus = || hub.map(|(hub, max_event)| Arc::new(LocalBus::new(hub, max_event)) as Arc<_>);
        let builder = match bus() {
            Some(bus) => builder.bus(bus),
            None => builder,
        };
        let one = builder.postgres().start().await;
        let other = one.another_node(bus()).await;
        let nodes = Self { one, other };
        nodes.wait_for_others(1).await;
        nodes
    }

    /// Waits until both are ready, which takes the keys of their issuer, and know this many others.
    pub(super) async fn wait_for_others(&self, count: u64) {
        let known = async {
            loop {
                let reports = [self.one.get("/readyz").await, self.other.get("/readyz").await];
                let knows = |body: &[u8]| reported(body)["others"] == count;
                if reports.iter().all(|report| report.status == 200 && knows(&report.body)) {
                    return;
                }
            }
        };
        within("the nodes to know each other", known).await;
    }

    /// A connection of `user` to the other node.
    pub(super) async fn client_of_other(&self, user: &str) -> RawClient {
        self.other.raw_with_token(&self.one.token(user)).await
    }
}

/// Shared space on both nodes: its owner on the first one, and a member who watches it on the other one.
pub(super) struct SharedWatch<'n> {
    pub(super) space: SharedSpace<'n>,
    pub(super) owner: RawClient,
    pub(super) member: RawClient,
    /// Chain of the member.
    pub(super) ucan: String,
}

impl<'n> SharedWatch<'n> {
    pub(super) async fn begin(nodes: &'n Nodes, permission: Permission) -> Self {
        let space = SharedSpace::create(&nodes.one).await;
        let invited = Member::random();
        let ucan = space.invite(&invited, permission);
        let owner = space.owner_client().await;
        let mut member = nodes.other.raw_with_token(&nodes.one.token_as("bob", &invited)).await;
        member.subscribe_with(&space.text(), &ucan).await;
        Self { space, owner, member, ucan }
    }
}

/// Settings of nodes that talk over the NATS server at `url`.
pub(super) fn with_nats(builder: TestServerBuilder, url: &str) -> TestServerBuilder {
    builder.setting("FANOUT_BUS", "nats").setting("NATS_URL", url)
}

/// Section `nodes` of a readiness report.
pub(super) fn reported(body: &[u8]) -> Value {
    let report: Value = serde_json::from_slice(body).unwrap();
    report["nodes"].clone()
}

/// Value of a metric without labels.
pub(super) fn metric(registry: &less_sync_metrics::Registry, name: &str) -> u64 {
    let text = registry.render();
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("{name} ")));
    line.unwrap_or_else(|| panic!("no {name}")).parse().unwrap()
}

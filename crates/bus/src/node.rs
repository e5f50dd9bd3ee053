//! Node of a deployment: sends what happens on it, and passes on what happens on the others.

mod run;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use less_sync_core::{MailboxId, SpaceId};
use less_sync_engine::ports::{
    ActorDigest, BusLimits, BusTopic, Deployment, EphemeralChange, FanoutBus, RemoteChange,
};
use less_sync_engine::{Clock, LiveNodes, Revocation};
use less_sync_metrics::Registry;
use parking_lot::Mutex;

use crate::batch::NodeId;
use crate::health::{BusHealth, Watch};
use crate::interest::Interest;
use crate::message::Message;
use crate::metrics::BusMetrics;
use crate::outgoing::Outgoing;
use crate::peers::Peers;
use crate::rejection::Rejection;

/// Facts in which the nodes of a deployment have to agree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeFacts {
    /// Version of the software; may differ during an upgrade.
    pub software: String,
    /// Version of the database schema.
    pub schema: i64,
    /// Fingerprint of `IDENTITY_HASH_KEY`; `None` without a key.
    pub identity: Option<[u8; 8]>,
}

/// Timers of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeTimes {
    /// Interval of the messages by which nodes know each other, and by which a node checks the transport.
    pub hello: Duration,
    /// Time without an own message that comes back, after which the transport counts as down.
    pub silence: Duration,
    /// Time without a message of another node, after which that node counts as gone.
    pub absence: Duration,
    /// Interval of comparisons with the database while the transport is down, and minimum interval after losses.
    pub comparison: Duration,
}

impl Default for NodeTimes {
    fn default() -> Self {
        Self {
            hello: Duration::from_secs(2),
            silence: Duration::from_secs(5),
            absence: Duration::from_secs(15),
            comparison: Duration::from_secs(1),
        }
    }
}

/// Node of a deployment.
pub struct Node {
    id: NodeId,
    bus: Arc<dyn FanoutBus>,
    limits: BusLimits,
    clock: Arc<dyn Clock>,
    facts: NodeFacts,
    times: NodeTimes,
    outgoing: Outgoing,
    /// Next number by destination.
    numbers: Mutex<HashMap<BusTopic, u64>>,
    interest: Interest,
    peers: Peers,
    has_peers: AtomicBool,
    live: LiveNodes,
    /// Time of the start.
    started: Instant,
    /// Rejection by the deployment.
    rejected: Rejection,
    /// A hello is due before its interval has passed, for a node that has just joined.
    hello_due: AtomicBool,
    watch: Watch,
    metrics: BusMetrics,
}

impl Node {
    /// A node with the random id `id`, without others. [`Node::run`] connects it, and counts the others in `live`.
    #[must_use]
    pub fn new(
        id: [u8; 16],
        bus: Arc<dyn FanoutBus>,
        clock: Arc<dyn Clock>,
        live: LiveNodes,
        facts: NodeFacts,
        times: NodeTimes,
    ) -> Arc<Self> {
        let now = clock.instant();
        let limits = bus.limits();
        Arc::new(Self {
            id,
            bus,
            limits,
            clock,
            facts,
            times,
            outgoing: Outgoing::default(),
            numbers: Mutex::default(),
            interest: Interest::default(),
            peers: Peers::default(),
            has_peers: AtomicBool::new(false),
            started: now,
            rejected: Rejection::default(),
            live,
            hello_due: AtomicBool::new(false),
            watch: Watch::new(now),
            metrics: BusMetrics::default(),
        })
    }

    /// State of the bus.
    #[must_use]
    pub fn health(&self) -> BusHealth {
        let (transport, is_up) = (self.bus.name(), self.watch.is_up());
        BusHealth { transport, is_up, nodes: self.peers.count() }
    }

    /// Waits until this node may not go on: it has just started, and counts users under another key than the deployment.
    pub async fn rejected(&self) {
        self.rejected.wait().await;
    }

    /// Registers the metrics of the bus.
    pub fn register_metrics(&self, registry: &mut Registry) {
        self.metrics.register(registry);
    }

    /// Queues a message unless no other node is known.
    fn tell(&self, message: Message) {
        if self.has_others() && !self.outgoing.add(message, self.limits.has_shards) {
            self.metrics.overflows.inc();
            // The skipped number shows the others the loss.
            self.next_number(BusTopic::Everyone);
        }
    }

    fn next_number(&self, topic: BusTopic) -> u64 {
        let mut numbers = self.numbers.lock();
        let next = numbers.entry(topic).or_default();
        *next += 1;
        *next
    }
}

impl Deployment for Node {
    fn has_others(&self) -> bool {
        self.has_peers.load(Ordering::Relaxed)
    }

    fn max_event(&self) -> usize {
        if self.has_others() { self.limits.max_event } else { 0 }
    }

    fn changed(&self, change: RemoteChange) {
        let event = change.event.filter(|event| event.len() <= self.limits.max_event);
        self.tell(Message::Changed(RemoteChange { event, ..change }));
    }

    fn revoked(&self, space: SpaceId, revocation: &Revocation) {
        self.tell(Message::Revoked(space, revocation.clone()));
    }

    fn purged(&self, space: SpaceId) {
        self.tell(Message::Purged(space));
    }

    fn invitation_stored(&self, mailbox: MailboxId) {
        self.tell(Message::Invitation(mailbox));
    }

    fn ephemeral(&self, change: EphemeralChange) {
        self.tell(Message::Ephemeral(change));
    }

    fn disconnected(&self, actor: ActorDigest) {
        self.tell(Message::Disconnected(actor));
    }

    fn trust_changed(&self) {
        self.tell(Message::TrustChanged);
    }

    fn watched(&self, space: SpaceId) {
        if self.limits.has_shards {
            self.interest.add(space, |shard| self.bus.listen(shard, true));
        }
        self.tell(Message::PresenceWanted(space));
    }

    fn unwatched(&self, space: SpaceId) {
        if self.limits.has_shards {
            self.interest.remove(space, |shard| {
                self.bus.listen(shard, false);
                self.peers.forget_shard(i64::from(shard.number()));
            });
        }
    }
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Node").field("transport", &self.bus.name()).finish_non_exhaustive()
    }
}

//! Loops of a node: send, receive, and check the transport.

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use less_sync_core::ErrorChain;
use less_sync_core::wire::bus::BusHello;
use less_sync_engine::ports::{BusError, BusTopic, RemoteEvents};

use super::Node;
use crate::batch::{self, Hello, NodeId, Received, Sender};
use crate::message::Message;
use crate::peers::Greeting;
use crate::rejection;

/// Difference of clocks that is logged, in seconds.
const CLOCK_SKEW: u64 = 5;

/// Delay after a failure of the transport, doubled with each further one up to the maximum.
const FIRST_RETRY: Duration = Duration::from_millis(250);
const MAX_RETRY: Duration = Duration::from_secs(5);

/// Maximum time for the farewell of a node that stops.
const FAREWELL: Duration = Duration::from_secs(1);

/// Comparisons with the database that losses have made due.
#[derive(Debug, Default)]
struct Due(AtomicBool);

impl Due {
    fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn take(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }
}

impl Node {
    /// Connects the node until `stop` completes: sends its messages, passes those of others to `remote`, and tells the others
    /// at the end that it leaves.
    pub async fn run(&self, remote: &dyn RemoteEvents, stop: impl Future<Output = ()> + Send) {
        let due = Due::default();
        tokio::select! {
            biased;
            () = stop => {}
            () = self.send_forever() => {}
            () = self.receive_forever(remote, &due) => {}
            () = self.check_forever(remote, &due) => {}
        }
        self.say_farewell().await;
    }

    /// Sends what is queued, a hello at the start and in every interval.
    async fn send_forever(&self) {
        let mut next_hello = self.clock.instant();
        let mut next_send = next_hello;
        loop {
            let is_hello = tokio::select! {
                biased;
                () = self.clock.sleep_until(next_hello) => true,
                () = self.outgoing.added() => self.hello_due.swap(false, Ordering::Relaxed),
            };
            // Messages that come until then travel in the same batch.
            self.clock.sleep_until(next_send).await;
            next_send = self.clock.instant() + self.limits.interval;
            if is_hello {
                next_hello = self.clock.instant() + self.times.hello;
            }
            self.send_queued(is_hello).await;
        }
    }

    async fn send_queued(&self, is_hello: bool) {
        let hello = is_hello.then(|| self.hello(false));
        let mut queued = self.outgoing.take();
        let everyone = queued.remove(&BusTopic::Everyone).unwrap_or_default();
        self.send(BusTopic::Everyone, hello.as_ref(), &everyone).await;
        for (topic, messages) in queued {
            self.send(topic, None, &messages).await;
        }
    }

    async fn send(&self, topic: BusTopic, hello: Option<&BusHello<'_>>, messages: &[Message]) {
        let sender = Sender { node: self.id, topic, hello };
        for batch in batch::encode(sender, messages, self.limits.max_message, || self.next_number(topic)) {
            let bytes = batch.len() as u64;
            match self.bus.send(topic, batch).await {
                Ok(()) => {
                    self.metrics.sent.inc();
                    self.metrics.sent_bytes.inc_by(bytes);
                }
                Err(error) => {
                    self.metrics.failures.inc();
                    self.failed(&error);
                }
            }
        }
    }

    fn hello(&self, leaves: bool) -> BusHello<'_> {
        BusHello {
            software: &self.facts.software,
            schema: self.facts.schema,
            identity: self.facts.identity.as_ref().map(|fingerprint| &fingerprint[..]),
            time: self.clock.now().seconds(),
            uptime: Some(self.uptime()),
            leaves,
        }
    }

    async fn receive_forever(&self, remote: &dyn RemoteEvents, due: &Due) {
        let mut delay = FIRST_RETRY;
        loop {
            match self.bus.receive().await {
                Ok(bytes) => {
                    delay = FIRST_RETRY;
                    self.on_bytes(&bytes, remote, due);
                }
                Err(error) => {
                    self.failed(&error);
                    self.clock.sleep_until(self.clock.instant() + delay).await;
                    delay = (delay * 2).min(MAX_RETRY);
                }
            }
        }
    }

    fn on_bytes(&self, bytes: &Bytes, remote: &dyn RemoteEvents, due: &Due) {
        let Ok(received) = batch::decode(bytes) else {
            self.metrics.unreadable.inc();
            return;
        };
        let now = self.clock.instant();
        if received.node == self.id {
            if received.hello.is_some() && self.watch.heard(now) {
                self.metrics.up.set(1);
                tracing::info!(transport = self.bus.name(), "messages between nodes arrive again");
                // Messages of the meantime are lost.
                due.set();
            }
            // Changes before this moment were announced to a shard that the transport did not listen to yet.
            if received.shard.is_some_and(|shard| self.interest.confirm(shard)) {
                due.set();
            }
            return;
        }
        self.metrics.received.inc();
        self.on_batch(received, (remote, due), now);
    }

    fn on_batch(&self, received: Received, (remote, due): (&dyn RemoteEvents, &Due), now: Instant) {
        let Received { node, shard, sequence, hello, messages } = received;
        if let Some(hello) = hello {
            self.greet(node, &hello, due, now);
        }
        if !self.peers.is_contiguous(node, shard, sequence) {
            self.metrics.gaps.inc();
            due.set();
        }
        for message in messages {
            match message {
                Message::Changed(change) => remote.changed(change),
                Message::Revoked(space, revocation) => remote.revoked(space, revocation),
                Message::Purged(space) => remote.purged(space),
                Message::Invitation(mailbox) => remote.invitation_stored(mailbox),
                Message::Ephemeral(change) => remote.ephemeral(change),
                Message::Disconnected(actor) => remote.disconnect(actor),
                Message::TrustChanged => remote.trust_changed(),
                Message::PresenceWanted(space) => {
                    for change in remote.presence(space) {
                        self.tell(Message::Ephemeral(change));
                    }
                }
            }
        }
    }

    fn greet(&self, node: NodeId, hello: &Hello, due: &Due, now: Instant) {
        let greeting = self.peers.greet(node, hello, now);
        self.count_peers();
        match greeting {
            Greeting::Known => {}
            Greeting::Left => tracing::info!("another node has left the deployment"),
            Greeting::New => {
                tracing::info!(version = hello.software, "another node has joined the deployment");
                self.compare_facts(node, hello);
                // Changes before this moment were not announced to the other one, and those of the other one not here.
                due.set();
                self.hello_due.store(true, Ordering::Relaxed);
                self.outgoing.wake();
            }
        }
    }

    /// Time since the start, in milliseconds.
    fn uptime(&self) -> u64 {
        let uptime = self.clock.instant().saturating_duration_since(self.started);
        u64::try_from(uptime.as_millis()).unwrap_or(u64::MAX)
    }

    fn compare_facts(&self, node: NodeId, hello: &Hello) {
        if hello.identity.as_deref() != self.facts.identity.as_ref().map(|fingerprint| &fingerprint[..]) {
            let own = (self.uptime(), self.id);
            if rejection::is_newcomer(own, hello.uptime.map(|uptime| (uptime, node))) {
                tracing::error!("another node has a different IDENTITY_HASH_KEY: this node stops");
                self.rejected.set();
            } else {
                tracing::error!(
                    "another node has a different IDENTITY_HASH_KEY: limits of users are counted twice"
                );
            }
        }
        if hello.schema != self.facts.schema {
            tracing::warn!(
                own = self.facts.schema,
                other = hello.schema,
                "another node expects a different version of the database schema"
            );
        }
        let skew = hello.time.abs_diff(self.clock.now().seconds());
        if skew > CLOCK_SKEW {
            tracing::error!(skew_seconds = skew, "the clock of another node differs");
        }
    }

    fn count_peers(&self) {
        let count = self.peers.count();
        self.has_peers.store(count > 0, Ordering::Relaxed);
        self.live.set(count + 1);
        self.metrics.nodes.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// Watches the transport, and has the spaces compared with the database after losses.
    async fn check_forever(&self, remote: &dyn RemoteEvents, due: &Due) {
        loop {
            self.clock.sleep_until(self.clock.instant() + self.times.comparison).await;
            let now = self.clock.instant();
            let gone = self.peers.remove_silent(now, self.times.absence);
            if gone > 0 {
                tracing::warn!(count = gone, "other nodes are silent and count as gone");
                self.count_peers();
            }
            if self.watch.silence(now) > self.times.silence {
                if self.watch.failed() {
                    self.metrics.up.set(0);
                    tracing::error!(
                        transport = self.bus.name(),
                        "messages between nodes do not arrive; comparing with the database instead"
                    );
                }
                self.bus.reset().await;
                self.watch.restart(now);
            }
            if due.take() || !self.watch.is_up() {
                remote.compare();
            }
        }
    }

    fn failed(&self, error: &BusError) {
        if self.watch.failed() {
            self.metrics.up.set(0);
            tracing::error!(
                transport = self.bus.name(),
                error = %ErrorChain(error),
                "the bus between nodes failed; comparing with the database until it is back"
            );
        }
    }

    async fn say_farewell(&self) {
        let hello = self.hello(true);
        let limit = self.clock.sleep_until(self.clock.instant() + FAREWELL);
        tokio::select! {
            () = self.send(BusTopic::Everyone, Some(&hello), &[]) => {}
            () = limit => {}
        }
    }
}

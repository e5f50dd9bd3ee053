//! Transport over NATS servers: a subject for every node, and one per shard, for small events beside their hints.

mod error;
mod inbox;
mod link;
mod options;
mod shards;

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use less_sync_engine::ports::{BusError, BusLimits, BusShard, BusTopic, FanoutBus};
use tokio::sync::{Mutex, Notify, watch};
use tokio::time::timeout;

use error::NatsError;
use inbox::Inbox;
use link::Link;
pub use options::{InvalidNatsOptions, NatsOptions};
use shards::WantedShards;

/// Maximum length of a batch, in bytes: far below the default limit of a server, 1 MiB.
const MAX_MESSAGE: usize = 64 * 1024;

/// Maximum length of an event that travels with its hint, in bytes.
const MAX_EVENT: usize = 8 * 1024;

/// State of the connection, for senders.
#[derive(Clone, Debug)]
enum State {
    Connecting,
    Connected(Link),
    Failed,
}

/// Transport over NATS servers, connected by the receiver.
///
/// The connections of the client library are not kept across failures: the receiver reports each one, and opens the next
/// connection with all of its subscriptions.
#[derive(Debug)]
pub struct NatsBus {
    options: NatsOptions,
    shards: WantedShards,
    state: watch::Sender<State>,
    inbox: Mutex<Option<Inbox>>,
    /// Interrupts the waiting receiver.
    interrupt: Notify,
}

impl NatsBus {
    /// A transport over the servers of `options`.
    #[must_use]
    pub fn new(options: NatsOptions) -> Self {
        Self {
            options,
            shards: WantedShards::default(),
            state: watch::Sender::new(State::Connecting),
            inbox: Mutex::default(),
            interrupt: Notify::new(),
        }
    }

    /// Link of the open connection, or of the one that is being opened.
    async fn link(&self) -> Result<Link, NatsError> {
        let mut state = self.state.subscribe();
        let settled = state.wait_for(|state| !matches!(state, State::Connecting)).await;
        match settled.as_deref() {
            Ok(State::Connected(link)) => Ok(link.clone()),
            _ => Err(NatsError::NotConnected),
        }
    }

    async fn next(&self, inbox: &mut Option<Inbox>) -> Result<Bytes, NatsError> {
        let open = if let Some(open) = inbox {
            open
        } else {
            self.state.send_replace(State::Connecting);
            let (link, opened) = link::open(&self.options, &self.shards).await?;
            self.state.send_replace(State::Connected(link));
            inbox.insert(opened)
        };
        loop {
            let link = self.link().await?;
            link.follow(&self.shards).await?;
            tokio::select! {
                received = open.next() => return received,
                () = self.shards.changed() => {}
            }
        }
    }
}

#[async_trait]
impl FanoutBus for NatsBus {
    fn name(&self) -> &'static str {
        "nats"
    }

    fn limits(&self) -> BusLimits {
        BusLimits {
            max_message: MAX_MESSAGE,
            max_event: MAX_EVENT,
            interval: Duration::ZERO,
            has_shards: true,
        }
    }

    async fn send(&self, topic: BusTopic, message: Bytes) -> Result<(), BusError> {
        let sent = async {
            let link = self.link().await?;
            // The own message arrives, too, if it is for a shard that was wanted before.
            link.follow(&self.shards).await?;
            link.publish(self.options.subject(topic), message).await
        };
        Ok(timeout(error::LIMIT, sent).await.map_err(|_elapsed| NatsError::Timeout)??)
    }

    async fn receive(&self) -> Result<Bytes, BusError> {
        let mut inbox = self.inbox.lock().await;
        let received = tokio::select! {
            received = self.next(&mut inbox) => received,
            () = self.interrupt.notified() => Err(NatsError::Ended),
        };
        Ok(received.inspect_err(|_error| {
            *inbox = None;
            self.state.send_replace(State::Failed);
        })?)
    }

    fn listen(&self, shard: BusShard, is_on: bool) {
        self.shards.set(shard, is_on);
    }

    async fn reset(&self) {
        self.interrupt.notify_one();
    }
}

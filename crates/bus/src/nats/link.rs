//! Connection to a NATS server: publishing, and subscriptions of shards.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::time::Duration;

use async_nats::{Client, Event};
use bytes::Bytes;
use futures_util::stream::{AbortHandle, abortable};
use less_sync_engine::ports::{BusShard, BusTopic, SHARDS};
use tokio::sync::{Mutex, mpsc};

use super::error::NatsError;
use super::inbox::{Inbox, Incoming};
use super::options::NatsOptions;
use super::shards::WantedShards;

/// Maximum duration of one attempt to connect to one address.
const CONNECT: Duration = Duration::from_secs(3);

/// Maximum queued failures of a connection.
const FAILURES: usize = 8;

/// Maximum queued streams of new subscriptions, for a receiver that has not run since.
const STREAMS: usize = 2 * SHARDS as usize;

/// Name of the client in reports of the server.
const NAME: &str = "less-sync";

/// Sending half of a connection. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct Link(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    client: Client,
    options: NatsOptions,
    /// Subscribed shards, with the ends of their streams.
    subscribed: Mutex<HashMap<BusShard, AbortHandle>>,
    /// Streams of new subscriptions, for the inbox.
    streams: mpsc::Sender<Incoming>,
}

/// Opens a connection that listens to everyone and to the wanted shards.
pub(super) async fn open(options: &NatsOptions, shards: &WantedShards) -> Result<(Link, Inbox), NatsError> {
    let servers = options.servers();
    let (events, failures) = mpsc::channel(FAILURES);
    let report = move |event: Event| {
        if matches!(event, Event::ServerError(_) | Event::Disconnected | Event::Closed) {
            // A first failure ends the use of the connection; without a receiver it has ended.
            let _queued = events.try_send(event);
        }
        async {}
    };
    let connecting = options
        .connect()
        .name(NAME)
        .connection_timeout(CONNECT)
        .ignore_discovered_servers()
        .max_reconnects(servers.len())
        .event_callback(report)
        .connect(servers);
    let client = connecting.await.map_err(NatsError::Connect)?;
    let (streams, added) = mpsc::channel(STREAMS);
    let everyone =
        client.subscribe(options.subject(BusTopic::Everyone)).await.map_err(NatsError::Subscribe)?;
    let link =
        Link(Arc::new(Shared { client, options: options.clone(), subscribed: Mutex::default(), streams }));
    shards.restart();
    link.follow(shards).await?;
    Ok((link, Inbox::new(everyone, added, failures)))
}

impl Link {
    /// Subscribes to the shards that are wanted, and ends the subscriptions of others. Cancel-safe.
    pub(super) async fn follow(&self, shards: &WantedShards) -> Result<(), NatsError> {
        let Shared { client, options, subscribed, streams } = &*self.0;
        let mut subscribed = subscribed.lock().await;
        while let Some((shard, is_wanted)) = shards.next_change() {
            if !is_wanted {
                if let Some(stream) = subscribed.remove(&shard) {
                    stream.abort();
                }
            } else if let Entry::Vacant(vacant) = subscribed.entry(shard) {
                let subject = options.subject(BusTopic::Shard(shard));
                let messages = client.subscribe(subject).await.map_err(NatsError::Subscribe)?;
                let (stream, end) = abortable(messages);
                vacant.insert(end);
                streams.try_send(stream).map_err(|_full_or_closed| NatsError::Ended)?;
            }
            shards.followed(shard, is_wanted);
        }
        Ok(())
    }

    /// Publishes a message, and waits until the operating system has it.
    pub(super) async fn publish(&self, subject: String, message: Bytes) -> Result<(), NatsError> {
        let client = &self.0.client;
        client.publish(subject, message).await.map_err(NatsError::Publish)?;
        // Dropped connections drop what they have not written.
        client.flush().await.map_err(|_closed| NatsError::Ended)
    }
}

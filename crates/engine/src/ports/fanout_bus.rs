//! Transport of messages between the nodes of a deployment.

use std::error::Error;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

/// Number of shards into which a transport with subjects spreads the spaces.
pub const SHARDS: u16 = 1024;

/// Shard of a space: 0 to [`SHARDS`] − 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BusShard(u16);

impl BusShard {
    /// Shard of the space with these bytes as its id. Equal on all nodes.
    #[must_use]
    pub fn of(space: less_sync_core::SpaceId) -> Self {
        // The last bytes of a UUID are random in every version that clients use.
        let [.., high, low] = *space.as_bytes();
        Self(u16::from_be_bytes([high, low]) % SHARDS)
    }

    /// Number of the shard.
    #[must_use]
    pub fn number(self) -> u16 {
        self.0
    }
}

/// Destination of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum BusTopic {
    /// Every node.
    Everyone,
    /// Nodes that listen to the shard.
    Shard(BusShard),
}

/// Bounds of a transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BusLimits {
    /// Maximum length of a message, in bytes, inclusive.
    pub max_message: usize,
    /// Maximum length of an encoded event that travels with its hint, in bytes, inclusive; 0: hints only.
    pub max_event: usize,
    /// Minimum time between two sends: what comes meanwhile is sent together.
    pub interval: Duration,
    /// True: messages about spaces go to [`BusTopic::Shard`]; false: every message goes to everyone.
    pub has_shards: bool,
}

/// Failure of a transport, with the cause for the operator.
#[derive(Debug, thiserror::Error)]
#[error("the bus between nodes failed")]
pub struct BusError(#[source] pub Box<dyn Error + Send + Sync>);

/// Transport between nodes: at most once. May lose, repeat, reorder and delay messages, and never decides correctness.
#[async_trait]
pub trait FanoutBus: Send + Sync {
    /// Name of the transport in logs and health reports.
    fn name(&self) -> &'static str;

    /// Bounds of the transport.
    fn limits(&self) -> BusLimits;

    /// Sends a message to the nodes that listen to `topic`, this one included. Returns within a few seconds.
    ///
    /// # Errors
    /// [`BusError`]: the message is lost, or its fate unknown.
    async fn send(&self, topic: BusTopic, message: Bytes) -> Result<(), BusError>;

    /// Waits for the next message. One caller at a time; cancel-safe.
    ///
    /// # Errors
    /// [`BusError`]: the transport is not connected. The next call connects again.
    async fn receive(&self) -> Result<Bytes, BusError>;

    /// Listens to a shard from now on, or no longer. [`BusTopic::Everyone`] is always listened to.
    fn listen(&self, shard: BusShard, is_on: bool);

    /// Drops the connections, so that the next call makes new ones: messages do not arrive, and no error says so.
    async fn reset(&self);
}

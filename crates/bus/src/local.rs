//! Transport between nodes of one process, with faults on request: for tests, and as the reference of the contract.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use less_sync_engine::ports::{BusError, BusLimits, BusShard, BusTopic, FanoutBus};
use parking_lot::Mutex;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{Mutex as AsyncMutex, broadcast};

use crate::listened_shards::ListenedShards;

/// Messages in flight per node; a node that falls behind by more loses the oldest.
const IN_FLIGHT: usize = 4096;

/// Faults of a [`LocalHub`], each for every n-th message; 0: never, 1: always.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// Lost messages.
    pub lose_every: u64,
    /// Repeated messages.
    pub repeat_every: u64,
    /// Messages that are held back until the next one has been sent.
    pub delay_every: u64,
    /// Every transmission fails with an error.
    pub is_down: bool,
}

/// Medium that the transports of several nodes share.
#[derive(Debug)]
pub struct LocalHub {
    sender: broadcast::Sender<(BusTopic, Bytes)>,
    state: Mutex<HubState>,
}

#[derive(Debug, Default)]
struct HubState {
    faults: Faults,
    sent: u64,
    held: Option<(BusTopic, Bytes)>,
}

impl LocalHub {
    /// A medium without faults.
    #[must_use]
    pub fn new() -> Arc<Self> {
        let (sender, _) = broadcast::channel(IN_FLIGHT);
        Arc::new(Self { sender, state: Mutex::default() })
    }

    /// Sets the faults of the messages that follow.
    pub fn set_faults(&self, faults: Faults) {
        self.state.lock().faults = faults;
    }

    /// Number of messages that were sent so far.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.state.lock().sent
    }

    fn send(&self, topic: BusTopic, message: &Bytes) -> Result<(), BusError> {
        let mut state = self.state.lock();
        if state.faults.is_down {
            return Err(BusError("the local hub is down".into()));
        }
        state.sent += 1;
        let (faults, number) = (state.faults, state.sent);
        let hits = |every: u64| every != 0 && number.is_multiple_of(every);
        if hits(faults.lose_every) {
            return Ok(());
        }
        let late = state.held.take();
        if hits(faults.delay_every) {
            state.held = Some((topic, message.clone()));
        } else {
            // Without a receiver there is no other node.
            let _receivers = self.sender.send((topic, message.clone()));
        }
        if hits(faults.repeat_every) {
            let _receivers = self.sender.send((topic, message.clone()));
        }
        if let Some(late) = late {
            let _receivers = self.sender.send(late);
        }
        Ok(())
    }
}

/// Transport of one node over a [`LocalHub`].
#[derive(Debug)]
pub struct LocalBus {
    hub: Arc<LocalHub>,
    receiver: AsyncMutex<broadcast::Receiver<(BusTopic, Bytes)>>,
    listened: ListenedShards,
    limits: BusLimits,
}

impl LocalBus {
    /// A transport over `hub`, with events that travel with their hints if they have at most `max_event` bytes.
    #[must_use]
    pub fn new(hub: &Arc<LocalHub>, max_event: usize) -> Self {
        let limits = BusLimits {
            max_message: 64 * 1024,
            max_event,
            interval: Duration::ZERO,
            has_shards: max_event > 0,
        };
        let receiver = AsyncMutex::new(hub.sender.subscribe());
        Self { hub: hub.clone(), receiver, listened: ListenedShards::default(), limits }
    }
}

#[async_trait]
impl FanoutBus for LocalBus {
    fn name(&self) -> &'static str {
        "local"
    }

    fn limits(&self) -> BusLimits {
        self.limits
    }

    async fn send(&self, topic: BusTopic, message: Bytes) -> Result<(), BusError> {
        self.hub.send(topic, &message)
    }

    async fn receive(&self) -> Result<Bytes, BusError> {
        let mut receiver = self.receiver.lock().await;
        loop {
            match receiver.recv().await {
                Ok((BusTopic::Shard(shard), _)) if !self.listened.contains(shard) => {}
                Ok((_, message)) => return Ok(message),
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return Err(BusError("the local hub is closed".into())),
            }
        }
    }

    fn listen(&self, shard: BusShard, is_on: bool) {
        self.listened.set(shard, is_on);
    }

    async fn reset(&self) {}
}

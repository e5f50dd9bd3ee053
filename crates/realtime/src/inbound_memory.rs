//! Budget of bytes for inbound messages: one for the process, and a share of it for each actor (protocol §1.10).
//!
//! Small messages are free of it, see [`FREE_BYTES`]. A larger one is reserved when its frame header arrives, before memory
//! is allocated for its payload, and the reservation lives as long as the last slice of the message: also in the queue of
//! the store after its connection has ended. While nothing can be reserved, the socket is not read.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use less_sync_engine::KeyedSemaphores;
use less_sync_metrics::{Counter, Reading, Registry};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes of unfinished messages per connection that are not reserved, so that the budget costs ordinary requests nothing,
/// and small requests pass while it is used up.
pub(crate) const FREE_BYTES: usize = 32 * 1024;

/// Bytes per permit: the count of a semaphore is 32 bits wide.
const UNIT: usize = 1024;

/// Bound of the permits, 1 TiB: a semaphore holds fewer than a pointer has values, and no budget is larger.
const MAX_UNITS: u32 = 1 << 30;

/// Part of the budget that the connections of one actor may use together.
const SHARES: u32 = 4;

/// Budget of the process.
pub(crate) struct InboundMemory {
    total: Arc<Semaphore>,
    units: u32,
    /// Units of one actor.
    share: u32,
    shares: KeyedSemaphores,
    /// Messages that waited for a reservation.
    waits: Counter,
}

impl InboundMemory {
    /// A budget of `bytes`. The share of an actor is a quarter of it, and at least one message of `max_message` bytes.
    pub(crate) fn new(bytes: usize, max_message: usize) -> Arc<Self> {
        let units = units(bytes).max(1);
        let share = units.div_ceil(SHARES).max(units_of_message(max_message)).min(units);
        Arc::new(Self {
            total: Arc::new(Semaphore::new(units as usize)),
            units,
            share,
            shares: KeyedSemaphores::new(share as usize),
            waits: Counter::default(),
        })
    }

    /// The share of the actor with the key `actor`, common to all of its connections.
    pub(crate) fn share(self: &Arc<Self>, actor: u64) -> InboundShare {
        InboundShare { memory: self.clone(), permits: self.shares.get(actor) }
    }

    /// Registers the metrics of this budget.
    pub(crate) fn register(self: &Arc<Self>, registry: &mut Registry) {
        let memory = self.clone();
        let reserved = Reading::gauge(move || memory.reserved());
        registry.register("ws_inbound_memory_bytes", "memory reserved for inbound messages", reserved);
        let help = "inbound messages that waited for memory";
        registry.register("ws_inbound_memory_waits_total", help, self.waits.clone());
    }

    /// Bytes reserved now.
    fn reserved(&self) -> usize {
        (self.units as usize).saturating_sub(self.total.available_permits()) * UNIT
    }
}

impl std::fmt::Debug for InboundMemory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InboundMemory").field("reserved", &self.reserved()).finish_non_exhaustive()
    }
}

/// Share of one actor.
#[derive(Clone, Debug)]
pub(crate) struct InboundShare {
    memory: Arc<InboundMemory>,
    permits: Arc<Semaphore>,
}

impl InboundShare {
    /// Reserves memory for a message of `bytes` at once, if possible.
    pub(crate) fn try_reserve(&self, bytes: usize) -> Option<Reserved> {
        let units = self.units(bytes);
        let share = self.permits.clone().try_acquire_many_owned(units).ok()?;
        let total = self.memory.total.clone().try_acquire_many_owned(units).ok()?;
        Some(Reserved { share, total })
    }

    /// Waits for memory for a message of `bytes`; first come, first served. `None` is never returned in practice, since no
    /// semaphore is ever closed.
    pub(crate) fn reserve(&self, bytes: usize) -> BoxFuture<'static, Option<Reserved>> {
        self.memory.waits.inc();
        let (units, this) = (self.units(bytes), self.clone());
        async move {
            // The share first: what is taken of the total must not wait for other messages of the same actor.
            let share = this.permits.acquire_many_owned(units).await.ok()?;
            let total = this.memory.total.clone().acquire_many_owned(units).await.ok()?;
            Some(Reserved { share, total })
        }
        .boxed()
    }

    /// A message that exceeds the share takes all of it: it could never be received otherwise.
    fn units(&self, bytes: usize) -> u32 {
        units_of_message(bytes).min(self.memory.share)
    }
}

/// Reserved memory; released when dropped.
#[derive(Debug)]
pub(crate) struct Reserved {
    share: OwnedSemaphorePermit,
    total: OwnedSemaphorePermit,
}

impl Reserved {
    /// Releases what a message of `bytes` does not need.
    fn shrink_to(&mut self, bytes: usize) {
        let needed = units_of_message(bytes) as usize;
        for permit in [&mut self.share, &mut self.total] {
            drop(permit.split(permit.num_permits().saturating_sub(needed)));
        }
    }

    /// The message `payload`, which holds the reservation until its last slice is dropped.
    pub(crate) fn into_message(mut self, payload: Vec<u8>) -> Bytes {
        self.shrink_to(payload.len());
        Bytes::from_owner(Held { payload, _reserved: self })
    }
}

/// Message together with its reservation.
struct Held {
    payload: Vec<u8>,
    _reserved: Reserved,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.payload
    }
}

fn units(bytes: usize) -> u32 {
    u32::try_from(bytes / UNIT).unwrap_or(u32::MAX).min(MAX_UNITS)
}

fn units_of_message(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use less_sync_core::limits::MIB;

    use super::*;

    const KIB: usize = 1024;

    #[tokio::test]
    async fn a_message_holds_its_reservation_until_the_last_slice_is_dropped() {
        let memory = InboundMemory::new(4 * MIB, 64 * KIB);
        let reserved = memory.share(1).try_reserve(64 * KIB).unwrap();
        assert_eq!(memory.reserved(), 64 * KIB);
        let message = reserved.into_message(vec![7; 10 * KIB]);
        assert_eq!(memory.reserved(), 10 * KIB, "the rest is released");
        let slice = message.slice(5..6);
        drop(message);
        assert_eq!(memory.reserved(), 10 * KIB);
        drop(slice);
        assert_eq!(memory.reserved(), 0);
    }

    #[tokio::test]
    async fn an_actor_gets_a_quarter_on_all_its_connections_together() {
        let memory = InboundMemory::new(4 * MIB, KIB);
        let (one, same, other) = (memory.share(1), memory.share(1), memory.share(2));
        let _most = one.try_reserve(MIB - KIB).unwrap();
        assert!(same.try_reserve(2 * KIB).is_none());
        assert!(other.try_reserve(MIB).is_some());
        assert_eq!(memory.reserved(), MIB - KIB);
    }

    #[tokio::test]
    async fn a_wait_ends_when_memory_is_released() {
        let memory = InboundMemory::new(4 * KIB, 4 * KIB);
        let held = memory.share(1).try_reserve(4 * KIB).unwrap();
        let mut waiting = memory.share(2).reserve(KIB);
        assert!((&mut waiting).now_or_never().is_none());
        assert_eq!(memory.waits.get(), 1);
        drop(held);
        assert!(waiting.await.is_some());
    }

    #[tokio::test]
    async fn a_message_above_the_share_takes_all_of_it() {
        let memory = InboundMemory::new(8 * KIB, KIB);
        let _largest = memory.share(1).try_reserve(MIB).unwrap();
        assert_eq!(memory.reserved(), 2 * KIB);
    }
}

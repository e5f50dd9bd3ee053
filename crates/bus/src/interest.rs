//! Shards that this node listens to: those with a watched space, and whether messages of them have arrived.

use std::collections::{HashMap, HashSet};

use less_sync_core::SpaceId;
use less_sync_engine::ports::BusShard;
use parking_lot::Mutex;

/// Shards with watched spaces.
#[derive(Debug, Default)]
pub(crate) struct Interest(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Number of watched spaces by shard.
    watched: HashMap<BusShard, usize>,
    /// Shards of which no own message has come back since the node listens to them.
    unconfirmed: HashSet<u16>,
}

impl Interest {
    /// Adds a watched space. `listen` is called for the first one of its shard, in the order of the calls.
    pub(crate) fn add(&self, space: SpaceId, listen: impl FnOnce(BusShard)) {
        let shard = BusShard::of(space);
        let State { watched, unconfirmed } = &mut *self.0.lock();
        let count = watched.entry(shard).or_default();
        *count += 1;
        if *count == 1 {
            unconfirmed.insert(shard.number());
            listen(shard);
        }
    }

    /// Removes a watched space. `unlisten` is called for the last one of its shard, in the order of the calls.
    pub(crate) fn remove(&self, space: SpaceId, unlisten: impl FnOnce(BusShard)) {
        let shard = BusShard::of(space);
        let State { watched, unconfirmed } = &mut *self.0.lock();
        let Some(count) = watched.get_mut(&shard) else { return };
        *count -= 1;
        if *count == 0 {
            watched.remove(&shard);
            unconfirmed.remove(&shard.number());
            unlisten(shard);
        }
    }

    /// Records that an own message about the shard has come back; true for the first one since the node listens to it.
    pub(crate) fn confirm(&self, shard: i64) -> bool {
        u16::try_from(shard).is_ok_and(|shard| self.0.lock().unconfirmed.remove(&shard))
    }
}

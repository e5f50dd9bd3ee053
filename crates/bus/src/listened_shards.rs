//! Shards that a transport listens to.

use std::collections::HashSet;

use less_sync_engine::ports::BusShard;
use parking_lot::Mutex;

/// Set of shards.
#[derive(Debug, Default)]
pub(crate) struct ListenedShards(Mutex<HashSet<BusShard>>);

impl ListenedShards {
    pub(crate) fn contains(&self, shard: BusShard) -> bool {
        self.0.lock().contains(&shard)
    }

    pub(crate) fn set(&self, shard: BusShard, is_on: bool) {
        let mut shards = self.0.lock();
        if is_on {
            shards.insert(shard);
        } else {
            shards.remove(&shard);
        }
    }
}

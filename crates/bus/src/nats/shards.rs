//! Shards with watched spaces, and those among them whose subscriptions are due to change.

use std::collections::{BTreeSet, HashSet};

use less_sync_engine::ports::BusShard;
use parking_lot::Mutex;
use tokio::sync::Notify;

/// Wanted shards.
#[derive(Debug, Default)]
pub(super) struct WantedShards {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    wanted: HashSet<BusShard>,
    /// Shards whose subscription may differ from `wanted`.
    changed: BTreeSet<BusShard>,
}

impl WantedShards {
    /// Listens to a shard, or no longer.
    pub(super) fn set(&self, shard: BusShard, is_on: bool) {
        let mut state = self.state.lock();
        if is_on {
            state.wanted.insert(shard);
        } else {
            state.wanted.remove(&shard);
        }
        state.changed.insert(shard);
        drop(state);
        self.changed.notify_one();
    }

    /// Waits for [`WantedShards::set`].
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Marks all wanted shards as changed, for a connection without subscriptions.
    pub(super) fn restart(&self) {
        let mut state = self.state.lock();
        state.changed = state.wanted.iter().copied().collect();
    }

    /// A changed shard, and true if it is wanted.
    pub(super) fn next_change(&self) -> Option<(BusShard, bool)> {
        let state = self.state.lock();
        state.changed.first().map(|shard| (*shard, state.wanted.contains(shard)))
    }

    /// Records that the subscription of `shard` is as it is wanted, unless that has changed meanwhile.
    pub(super) fn followed(&self, shard: BusShard, is_on: bool) {
        let mut state = self.state.lock();
        if state.wanted.contains(&shard) == is_on {
            state.changed.remove(&shard);
        }
    }
}

#[cfg(test)]
mod tests {
    use less_sync_core::SpaceId;

    use super::*;

    fn shard() -> BusShard {
        BusShard::of(SpaceId::from_bytes([1; 16]))
    }

    #[test]
    fn change_during_a_subscription_stays_to_be_followed() {
        let shards = WantedShards::default();
        shards.set(shard(), true);
        assert_eq!(shards.next_change(), Some((shard(), true)));
        shards.set(shard(), false);
        shards.followed(shard(), true);
        assert_eq!(shards.next_change(), Some((shard(), false)));
        shards.followed(shard(), false);
        assert_eq!(shards.next_change(), None);
    }

    #[test]
    fn restart_repeats_what_is_wanted() {
        let shards = WantedShards::default();
        shards.set(shard(), true);
        shards.followed(shard(), true);
        shards.restart();
        assert_eq!(shards.next_change(), Some((shard(), true)));
    }
}

//! What one connection watches, and until when it may.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::time::{Duration, Instant};

use less_sync_auth::ucan::VerifiedChain;
use less_sync_core::{SpaceId, Timestamp};

/// The subscriptions of a connection. The broker may have ended some of them meanwhile.
#[derive(Debug, Default)]
pub(crate) struct Subscriptions {
    spaces: HashMap<SpaceId, Option<Right>>,
    /// No right ends before this; perhaps none does then.
    first_end: Option<Instant>,
}

/// What a subscription to a shared space rests on.
#[derive(Debug)]
struct Right {
    chain: Arc<VerifiedChain>,
    /// The first moment in which it is not good any more; none if that lies beyond all clocks.
    ends_at: Option<Instant>,
}

/// One moment on both clocks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Now {
    pub(crate) wall: Timestamp,
    pub(crate) instant: Instant,
}

impl Subscriptions {
    pub(crate) fn len(&self) -> usize {
        self.spaces.len()
    }

    pub(crate) fn contains(&self, space: SpaceId) -> bool {
        self.spaces.contains_key(&space)
    }

    /// Forgets what is not watched any more.
    pub(crate) fn retain(&mut self, mut watched: impl FnMut(SpaceId) -> bool) {
        self.spaces.retain(|space, _| watched(*space));
    }

    /// Notes `space`. Its right, if it is known already, stays.
    pub(crate) fn add(&mut self, space: SpaceId) {
        self.spaces.entry(space).or_default();
    }

    /// Notes what the subscription to `space` rests on; nothing in a personal space.
    pub(crate) fn rest_on(&mut self, space: SpaceId, chain: Option<Arc<VerifiedChain>>, now: Now) {
        let right = chain.map(|chain| Right::new(chain, now));
        let ends_at = right.as_ref().and_then(|right| right.ends_at);
        if let Entry::Occupied(mut known) = self.spaces.entry(space) {
            known.insert(right);
            self.first_end = [self.first_end, ends_at].into_iter().flatten().min();
        }
    }

    /// All of them.
    pub(crate) fn into_spaces(self) -> impl Iterator<Item = SpaceId> {
        self.spaces.into_keys()
    }

    /// False when it was not there.
    pub(crate) fn remove(&mut self, space: SpaceId) -> bool {
        self.spaces.remove(&space).is_some()
    }

    /// When to look for rights that have ended.
    pub(crate) fn first_end(&self) -> Option<Instant> {
        self.first_end
    }

    /// Removes what has ended by `now`.
    pub(crate) fn take_ended(&mut self, now: Instant) -> Vec<SpaceId> {
        if self.first_end.is_none_or(|first| first > now) {
            return Vec::new();
        }
        let ended = self.take(|right| right.ends_at.is_some_and(|end| end <= now));
        self.first_end = self.spaces.values().flatten().filter_map(|right| right.ends_at).min();
        ended
    }

    /// Removes what rests on a chain for anybody but `did`.
    pub(crate) fn take_foreign(&mut self, did: Option<&str>) -> Vec<SpaceId> {
        self.take(|right| did != Some(right.chain.audience()))
    }

    fn take(&mut self, such: impl Fn(&Right) -> bool) -> Vec<SpaceId> {
        let such = |_: &SpaceId, right: &mut Option<Right>| right.as_ref().is_some_and(&such);
        self.spaces.extract_if(such).map(|(space, _)| space).collect()
    }
}

impl Right {
    /// A chain is good through its last second (auth §6.1).
    fn new(chain: Arc<VerifiedChain>, now: Now) -> Self {
        let end = chain.expires_at().plus(Duration::from_secs(1));
        Self { chain, ends_at: now.instant.checked_add(end.since(now.wall)) }
    }
}

#[cfg(test)]
mod tests;

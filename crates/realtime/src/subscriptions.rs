//! Subscriptions of one connection, and the expiry of their authorization.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::time::{Duration, Instant};

use less_sync_auth::ucan::VerifiedChain;
use less_sync_core::{Did, SpaceId, Timestamp};

/// Subscriptions of one connection. The broker may have ended some of them in the meantime.
#[derive(Debug, Default)]
pub(crate) struct Subscriptions {
    /// Authorization by space; `None` in personal spaces.
    spaces: HashMap<SpaceId, Option<Authorization>>,
    /// Lower bound of all expiries. May be too early after a removal, which costs one needless look.
    first_expiry: Option<Instant>,
}

/// Authorization of a subscription to a shared space.
#[derive(Debug)]
struct Authorization {
    chain: Arc<VerifiedChain>,
    /// First moment at which the chain is expired; `None` if that moment exceeds the range of the clock.
    expires_at: Option<Instant>,
}

/// Moment on the wall clock and on the monotonic clock.
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

    /// Removes the subscriptions that are not live any more.
    pub(crate) fn retain(&mut self, mut is_live: impl FnMut(SpaceId) -> bool) {
        self.spaces.retain(|space, _| is_live(*space));
    }

    /// Adds `space`. An existing authorization is kept.
    pub(crate) fn add(&mut self, space: SpaceId) {
        self.spaces.entry(space).or_default();
    }

    /// Replaces the authorization of the subscription to `space`; `None` in a personal space.
    pub(crate) fn authorize(&mut self, space: SpaceId, chain: Option<Arc<VerifiedChain>>, now: Now) {
        let authorization = chain.map(|chain| Authorization::new(chain, now));
        let expires_at = authorization.as_ref().and_then(|authorization| authorization.expires_at);
        if let Entry::Occupied(mut known) = self.spaces.entry(space) {
            known.insert(authorization);
            self.first_expiry = [self.first_expiry, expires_at].into_iter().flatten().min();
        }
    }

    /// All subscribed spaces.
    pub(crate) fn spaces(&self) -> impl Iterator<Item = SpaceId> {
        self.spaces.keys().copied()
    }

    /// All subscribed spaces, of a connection that ends.
    pub(crate) fn into_spaces(self) -> impl Iterator<Item = SpaceId> {
        self.spaces.into_keys()
    }

    /// Removes `space`; false if it was not subscribed to.
    pub(crate) fn remove(&mut self, space: SpaceId) -> bool {
        self.spaces.remove(&space).is_some()
    }

    /// Time for the next [`Subscriptions::take_expired`].
    pub(crate) fn first_expiry(&self) -> Option<Instant> {
        self.first_expiry
    }

    /// Removes the subscriptions whose authorization has expired by `now`.
    pub(crate) fn take_expired(&mut self, now: Instant) -> Vec<SpaceId> {
        if self.first_expiry.is_none_or(|first| first > now) {
            return Vec::new();
        }
        let expired = self.take(|authorization| authorization.expires_at.is_some_and(|expiry| expiry <= now));
        self.first_expiry =
            self.spaces.values().flatten().filter_map(|authorization| authorization.expires_at).min();
        expired
    }

    /// Removes the subscriptions that are authorized by a chain for an audience other than `did`.
    pub(crate) fn take_foreign(&mut self, did: Option<&Did>) -> Vec<SpaceId> {
        self.take(|authorization| did != Some(authorization.chain.audience()))
    }

    fn take(&mut self, such: impl Fn(&Authorization) -> bool) -> Vec<SpaceId> {
        let such = |_: &SpaceId, authorization: &mut Option<Authorization>| {
            authorization.as_ref().is_some_and(&such)
        };
        self.spaces.extract_if(such).map(|(space, _)| space).collect()
    }
}

impl Authorization {
    /// A chain is valid through its last second (auth §6.1).
    fn new(chain: Arc<VerifiedChain>, now: Now) -> Self {
        let expiry = chain.expires_at().plus(Duration::from_secs(1));
        Self { chain, expires_at: now.instant.checked_add(expiry.since(now.wall)) }
    }
}

#[cfg(test)]
mod tests;

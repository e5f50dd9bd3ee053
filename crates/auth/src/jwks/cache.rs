//! The cache of one issuer's key set as a state machine without I/O (auth §3.2).
//!
//! It decides when to fetch and what to answer; somebody else fetches, waits and tells it the time. One fetch is
//! under way at most.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::{KeySet, P256Key};

/// Names of keys that an issuer does not have, remembered at once.
const UNKNOWN_KEYS: usize = 1024;
/// A document cannot make itself go stale faster than this.
const SHORTEST_FRESHNESS: Duration = Duration::from_mins(5);

/// Times of the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheTimes {
    /// How long a set is used without asking for a new one (`JWKS_REFRESH_SECONDS`).
    pub fresh: Duration,
    /// How long a set is used when no new one can be had (`JWKS_MAX_STALE_SECONDS`).
    pub usable: Duration,
    /// Between the beginnings of two background refreshes.
    pub between_refreshes: Duration,
    /// Between two fetches for keys that the set does not have.
    pub between_unknown_keys: Duration,
    /// How long a key that the issuer does not have is remembered as such.
    pub unknown_key_memory: Duration,
    /// After a failed fetch, when there is no usable set.
    pub between_first_loads: Duration,
}

impl Default for CacheTimes {
    fn default() -> Self {
        Self {
            fresh: Duration::from_hours(1),
            usable: Duration::from_hours(24),
            between_refreshes: Duration::from_secs(30),
            between_unknown_keys: Duration::from_secs(10),
            unknown_key_memory: Duration::from_mins(1),
            between_first_loads: Duration::from_secs(5),
        }
    }
}

/// Why no key is handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// The issuer has no such key.
    UnknownKey,
    /// The issuer could not be asked.
    Unavailable,
}

/// What to do about a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// Use it.
    Found {
        /// The key.
        key: Arc<P256Key>,
        /// A background refresh has begun: carry it out with [`KeyCache::next_try`].
        refresh: bool,
    },
    /// There is none.
    Rejected(Rejection),
    /// A fetch has begun: carry it out, report it to [`KeyCache::fetched`] and ask [`KeyCache::after_fetch`].
    Fetch,
    /// Wait for the fetch that is under way, then ask [`KeyCache::after_fetch`].
    Wait,
}

/// How a background refresh goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextTry {
    /// A fetch has begun: carry it out and report it to [`KeyCache::fetched`].
    Fetch,
    /// The fetch that is under way serves as this try.
    Wait,
    /// The set is fresh already.
    Unneeded,
}

/// A fetch failed, or what it brought was no usable key set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FetchFailed;

/// A key set and how long it serves. Immutable, so that readers share it without a lock.
#[derive(Debug)]
pub struct LoadedKeys {
    set: KeySet,
    since: Instant,
    fresh: Duration,
    usable: Duration,
}

impl LoadedKeys {
    /// The set, while it may be used at all.
    #[must_use]
    pub fn usable(&self, now: Instant) -> Option<&KeySet> {
        (self.age(now) <= self.usable).then_some(&self.set)
    }

    /// Whether no new set is wanted yet.
    #[must_use]
    pub fn is_fresh(&self, now: Instant) -> bool {
        self.age(now) <= self.fresh
    }

    /// How long ago it was fetched.
    #[must_use]
    pub fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.since)
    }
}

/// The cache of one issuer.
#[derive(Debug)]
pub struct KeyCache {
    times: CacheTimes,
    loaded: Option<Arc<LoadedKeys>>,
    fetching: Option<Purpose>,
    refreshing: bool,
    refreshed_at: Option<Instant>,
    failed_at: Option<Instant>,
    unknown_key_fetch: Option<UnknownKeyFetch>,
    unknown_keys: HashMap<String, Instant>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    AnySet,
    UnknownKey,
}

#[derive(Debug)]
struct UnknownKeyFetch {
    at: Instant,
    failed: bool,
}

impl KeyCache {
    /// An empty cache.
    #[must_use]
    pub fn new(times: CacheTimes) -> Self {
        Self {
            times,
            loaded: None,
            fetching: None,
            refreshing: false,
            refreshed_at: None,
            failed_at: None,
            unknown_key_fetch: None,
            unknown_keys: HashMap::new(),
        }
    }

    /// The set as it is now, for readers that need nothing but a fresh key.
    #[must_use]
    pub fn loaded(&self) -> Option<&Arc<LoadedKeys>> {
        self.loaded.as_ref()
    }

    /// Looks for a key on behalf of a token.
    pub fn lookup(&mut self, key_id: &str, now: Instant) -> Lookup {
        let Some(loaded) = self.loaded.clone().filter(|loaded| loaded.usable(now).is_some()) else {
            return self.first_load(now);
        };
        match loaded.set.key(key_id) {
            Some(key) => {
                let refresh = !loaded.is_fresh(now) && self.begin_refresh(now);
                Lookup::Found { key: Arc::clone(key), refresh }
            }
            None => self.unknown_key(key_id, now),
        }
    }

    /// Looks for a key after the fetch that [`Self::lookup`] asked to wait for ended with `outcome`.
    ///
    /// # Errors
    /// The rejection that is the answer.
    pub fn after_fetch(
        &mut self,
        key_id: &str,
        outcome: Result<(), FetchFailed>,
        now: Instant,
    ) -> Result<Arc<P256Key>, Rejection> {
        let set = self.loaded.as_ref().and_then(|loaded| loaded.usable(now)).ok_or(Rejection::Unavailable)?;
        if let Some(key) = set.key(key_id) {
            return Ok(Arc::clone(key));
        }
        outcome.map_err(|FetchFailed| Rejection::Unavailable)?;
        self.remember_unknown(key_id, now);
        Err(Rejection::UnknownKey)
    }

    /// Takes the result of a fetch: a set and the `max-age` it came with. A failure leaves the old set in place.
    pub fn fetched(&mut self, result: Result<(KeySet, Option<Duration>), FetchFailed>, now: Instant) {
        let purpose = self.fetching.take();
        match result {
            Ok((set, max_age)) => self.replace(set, max_age, now),
            Err(FetchFailed) => self.failed(purpose, now),
        }
    }

    /// Begins a background refresh if one is due: the set is not fresh, none is under way and the last one began
    /// long enough ago.
    pub fn refresh_if_due(&mut self, now: Instant) -> bool {
        !self.is_fresh(now) && self.begin_refresh(now)
    }

    /// Goes on with the background refresh: each try is one fetch.
    pub fn next_try(&mut self, now: Instant) -> NextTry {
        if self.is_fresh(now) {
            return NextTry::Unneeded;
        }
        if self.fetching.is_some() {
            return NextTry::Wait;
        }
        self.fetching = Some(Purpose::AnySet);
        NextTry::Fetch
    }

    /// The background refresh is over, with or without success.
    pub fn refresh_ended(&mut self) {
        self.refreshing = false;
    }

    /// How many keys are remembered as unknown: 1024 at most.
    #[must_use]
    pub fn remembered(&self) -> usize {
        self.unknown_keys.len()
    }

    fn is_fresh(&self, now: Instant) -> bool {
        self.loaded.as_ref().is_some_and(|loaded| loaded.is_fresh(now))
    }

    fn first_load(&mut self, now: Instant) -> Lookup {
        if self.fetching.is_some() {
            return Lookup::Wait;
        }
        if within(self.failed_at, self.times.between_first_loads, now) {
            return Lookup::Rejected(Rejection::Unavailable);
        }
        self.fetching = Some(Purpose::AnySet);
        Lookup::Fetch
    }

    fn unknown_key(&mut self, key_id: &str, now: Instant) -> Lookup {
        if within(self.unknown_keys.get(key_id).copied(), self.times.unknown_key_memory, now) {
            return Lookup::Rejected(Rejection::UnknownKey);
        }
        if self.fetching.is_some() {
            return Lookup::Wait;
        }
        if let Some(last) = &self.unknown_key_fetch
            && within(Some(last.at), self.times.between_unknown_keys, now)
        {
            return Lookup::Rejected(if last.failed {
                Rejection::Unavailable
            } else {
                Rejection::UnknownKey
            });
        }
        self.unknown_key_fetch = Some(UnknownKeyFetch { at: now, failed: false });
        self.fetching = Some(Purpose::UnknownKey);
        Lookup::Fetch
    }

    fn begin_refresh(&mut self, now: Instant) -> bool {
        if self.refreshing || within(self.refreshed_at, self.times.between_refreshes, now) {
            return false;
        }
        self.refreshing = true;
        self.refreshed_at = Some(now);
        true
    }

    fn replace(&mut self, set: KeySet, max_age: Option<Duration>, now: Instant) {
        let fresh = max_age.map_or(self.times.fresh, |age| age.max(SHORTEST_FRESHNESS).min(self.times.fresh));
        self.unknown_keys.retain(|key_id, _| set.key(key_id).is_none());
        self.loaded = Some(Arc::new(LoadedKeys { set, since: now, fresh, usable: self.times.usable }));
    }

    fn failed(&mut self, purpose: Option<Purpose>, now: Instant) {
        self.failed_at = Some(now);
        if let (Some(Purpose::UnknownKey), Some(fetch)) = (purpose, &mut self.unknown_key_fetch) {
            fetch.failed = true;
        }
    }

    /// What does not fit is not remembered: the pause between fetches bounds their number all the same.
    fn remember_unknown(&mut self, key_id: &str, now: Instant) {
        if self.unknown_keys.len() >= UNKNOWN_KEYS {
            let memory = self.times.unknown_key_memory;
            self.unknown_keys.retain(|_, since| within(Some(*since), memory, now));
        }
        if self.unknown_keys.len() < UNKNOWN_KEYS {
            self.unknown_keys.insert(key_id.to_owned(), now);
        }
    }
}

/// Whether `at` lies less than `pause` back.
fn within(at: Option<Instant>, pause: Duration, now: Instant) -> bool {
    at.is_some_and(|at| now.saturating_duration_since(at) < pause)
}

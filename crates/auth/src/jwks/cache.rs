//! Per-issuer JWKS cache as a state machine without I/O (auth §3.2): single-flight fetch, background refresh,
//! stale-while-revalidate.
//!
//! The caller performs fetches and waits, and passes the time in. At most one fetch is in flight.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::{KeySet, P256Key};

/// Capacity of the negative cache: key ids that the issuer does not have.
const UNKNOWN_KEYS: usize = 1024;
/// Lower bound of the freshness lifetime, whatever `max-age` a document states.
const SHORTEST_FRESHNESS: Duration = Duration::from_mins(5);

/// Timing parameters of the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheTimes {
    /// Freshness lifetime of a set: no refresh before (`JWKS_REFRESH_SECONDS`).
    pub fresh: Duration,
    /// Maximum age of a set in use when refreshes fail (`JWKS_MAX_STALE_SECONDS`).
    pub usable: Duration,
    /// Minimum interval between the starts of two background refreshes.
    pub between_refreshes: Duration,
    /// Minimum interval between two fetches for unknown key ids.
    pub between_unknown_keys: Duration,
    /// Lifetime of an entry in the negative cache.
    pub unknown_key_memory: Duration,
    /// Pause after a failed fetch while there is no usable set.
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

/// Lookup failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// Unknown key id: the issuer has no such key.
    UnknownKey,
    /// Outage: the key set could not be fetched.
    Unavailable,
}

/// Outcome of a key lookup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// Cache hit.
    Found {
        /// Verification key.
        key: Arc<P256Key>,
        /// True when a background refresh has begun: the caller performs it with [`KeyCache::next_try`].
        refresh: bool,
    },
    /// Definite miss or outage.
    Rejected(Rejection),
    /// A fetch has begun: the caller performs it, reports to [`KeyCache::fetched`] and calls [`KeyCache::after_fetch`].
    Fetch,
    /// Another fetch is in flight: the caller waits for it and calls [`KeyCache::after_fetch`].
    Wait,
}

/// Next step of a background refresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextTry {
    /// A fetch has begun: the caller performs it and reports to [`KeyCache::fetched`].
    Fetch,
    /// The fetch in flight serves as this attempt.
    Wait,
    /// The set is fresh again.
    Unneeded,
}

/// Failed fetch, or a fetched document without a usable key set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FetchFailed;

/// Key set with its lifetime. Immutable, so that readers share it without a lock.
#[derive(Debug)]
pub struct LoadedKeys {
    set: KeySet,
    since: Instant,
    fresh: Duration,
    usable: Duration,
}

impl LoadedKeys {
    /// Returns the set while it is not too stale.
    #[must_use]
    pub fn usable(&self, now: Instant) -> Option<&KeySet> {
        (self.age(now) <= self.usable).then_some(&self.set)
    }

    /// Returns true while the set is fresh.
    #[must_use]
    pub fn is_fresh(&self, now: Instant) -> bool {
        self.age(now) <= self.fresh
    }

    /// Age of the set.
    #[must_use]
    pub fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.since)
    }
}

/// JWKS cache of one issuer.
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
    /// Creates an empty cache.
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

    /// Current set, for readers that only need a fresh key.
    #[must_use]
    pub fn loaded(&self) -> Option<&Arc<LoadedKeys>> {
        self.loaded.as_ref()
    }

    /// Looks up the key of a token.
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

    /// Repeats the lookup after the fetch that [`Self::lookup`] waited for ended with `outcome`.
    ///
    /// # Errors
    /// [`Rejection`], the final result of the lookup.
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

    /// Stores the result of a fetch: a set and its `max-age`. A failure keeps the old set.
    pub fn fetched(&mut self, result: Result<(KeySet, Option<Duration>), FetchFailed>, now: Instant) {
        let purpose = self.fetching.take();
        match result {
            Ok((set, max_age)) => self.replace(set, max_age, now),
            Err(FetchFailed) => self.failed(purpose, now),
        }
    }

    /// Begins a background refresh if due: the set is not fresh, no refresh is in flight and the last one began
    /// long enough ago.
    pub fn refresh_if_due(&mut self, now: Instant) -> bool {
        !self.is_fresh(now) && self.begin_refresh(now)
    }

    /// Continues the background refresh: each attempt is one fetch.
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

    /// Ends the background refresh, successful or not.
    pub fn refresh_ended(&mut self) {
        self.refreshing = false;
    }

    /// Number of entries in the negative cache, at most 1024.
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

    /// Adds an entry to the negative cache. Beyond its capacity nothing is added; the pause between fetches still bounds
    /// the number of fetches.
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

/// Returns true when `at` lies less than `pause` before now.
fn within(at: Option<Instant>, pause: Duration, now: Instant) -> bool {
    at.is_some_and(|at| now.saturating_duration_since(at) < pause)
}

//! Per-issuer JWKS cache as a state machine without I/O (auth §3.2): single-flight fetch, background refresh,
//! stale-while-revalidate.
//!
//! The caller performs fetches and waits, and passes the time in. At most one fetch is in flight.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::KeyQuery;
use crate::{KeySet, P256Key};

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
            between_first_loads: Duration::from_secs(5),
        }
    }
}

/// Lookup failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// Unknown key id: the issuer has no such key, by a fetch that began for this lookup.
    UnknownKey,
    /// No verdict: the key set could not be fetched, or it lacked the key id when it was fetched for another lookup. The
    /// issuer may have published the key since, so the caller has to try again later.
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
    /// No verdict for now.
    Rejected(Rejection),
    /// A fetch has begun: the caller performs it, reports to [`KeyCache::fetched`] and calls [`KeyCache::after_fetch`] with
    /// [`FetchOrigin::Own`].
    Fetch,
    /// Another fetch is in flight: the caller waits for it and calls [`KeyCache::after_fetch`] with
    /// [`FetchOrigin::Joined`].
    Wait,
}

/// Origin of a fetch, relative to a lookup that waited for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FetchOrigin {
    /// The fetch began for this lookup, so it shows every key that was published before.
    Own,
    /// The fetch was in flight before this lookup: a key that it lacks may have been published since it began.
    Joined,
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
    fetching: bool,
    refreshing: bool,
    refreshed_at: Option<Instant>,
    failed_at: Option<Instant>,
    /// Start of the last fetch for an unknown key id.
    unknown_key_fetch: Option<Instant>,
}

impl KeyCache {
    /// Creates an empty cache.
    #[must_use]
    pub fn new(times: CacheTimes) -> Self {
        Self {
            times,
            loaded: None,
            fetching: false,
            refreshing: false,
            refreshed_at: None,
            failed_at: None,
            unknown_key_fetch: None,
        }
    }

    /// Current set, for readers that only need a fresh key.
    #[must_use]
    pub fn loaded(&self) -> Option<&Arc<LoadedKeys>> {
        self.loaded.as_ref()
    }

    /// Looks up the key of a token.
    pub fn lookup<'q>(&mut self, query: impl Into<KeyQuery<'q>>, now: Instant) -> Lookup {
        let Some(loaded) = self.loaded.clone().filter(|loaded| loaded.usable(now).is_some()) else {
            return self.first_load(now);
        };
        match query.into().find(&loaded.set) {
            Some(key) => {
                let refresh = !loaded.is_fresh(now) && self.begin_refresh(now);
                Lookup::Found { key: Arc::clone(key), refresh }
            }
            None => self.unknown_key(now),
        }
    }

    /// Repeats the lookup after the fetch that [`Self::lookup`] waited for ended with `outcome`.
    ///
    /// # Errors
    /// [`Rejection`], the final result of the lookup.
    pub fn after_fetch<'q>(
        &self,
        query: impl Into<KeyQuery<'q>>,
        origin: FetchOrigin,
        outcome: Result<(), FetchFailed>,
        now: Instant,
    ) -> Result<Arc<P256Key>, Rejection> {
        let set = self.loaded.as_ref().and_then(|loaded| loaded.usable(now)).ok_or(Rejection::Unavailable)?;
        if let Some(key) = query.into().find(set) {
            return Ok(Arc::clone(key));
        }
        match (origin, outcome) {
            (FetchOrigin::Own, Ok(())) => Err(Rejection::UnknownKey),
            (FetchOrigin::Own | FetchOrigin::Joined, _) => Err(Rejection::Unavailable),
        }
    }

    /// Stores the result of a fetch: a set and its `max-age`. A failure keeps the old set.
    pub fn fetched(&mut self, result: Result<(KeySet, Option<Duration>), FetchFailed>, now: Instant) {
        self.fetching = false;
        match result {
            Ok((set, max_age)) => self.replace(set, max_age, now),
            Err(FetchFailed) => self.failed_at = Some(now),
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
        if self.fetching {
            return NextTry::Wait;
        }
        self.fetching = true;
        NextTry::Fetch
    }

    /// Ends the background refresh, successful or not.
    pub fn refresh_ended(&mut self) {
        self.refreshing = false;
    }

    fn is_fresh(&self, now: Instant) -> bool {
        self.loaded.as_ref().is_some_and(|loaded| loaded.is_fresh(now))
    }

    fn first_load(&mut self, now: Instant) -> Lookup {
        if self.fetching {
            return Lookup::Wait;
        }
        if within(self.failed_at, self.times.between_first_loads, now) {
            return Lookup::Rejected(Rejection::Unavailable);
        }
        self.fetching = true;
        Lookup::Fetch
    }

    /// Begins a fetch for a key id that the set lacks, at most one per interval. In between there is no verdict: the sender
    /// of a token may name any key id without having its key, so that a final answer from memory would reject good tokens
    /// of a key that the issuer publishes next.
    fn unknown_key(&mut self, now: Instant) -> Lookup {
        if self.fetching {
            return Lookup::Wait;
        }
        if within(self.unknown_key_fetch, self.times.between_unknown_keys, now) {
            return Lookup::Rejected(Rejection::Unavailable);
        }
        self.unknown_key_fetch = Some(now);
        self.fetching = true;
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
        self.loaded = Some(Arc::new(LoadedKeys { set, since: now, fresh, usable: self.times.usable }));
    }
}

/// Returns true when `at` lies less than `pause` before now.
fn within(at: Option<Instant>, pause: Duration, now: Instant) -> bool {
    at.is_some_and(|at| now.saturating_duration_since(at) < pause)
}

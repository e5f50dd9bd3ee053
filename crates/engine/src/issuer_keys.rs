//! Per-issuer JWKS cache: single-flight fetch, background refresh, stale-while-revalidate (auth §3.2).
//!
//! [`KeyCache`] decides without I/O; [`IssuerKeys`] performs the fetches and the waiting. Every fetch is a task of its
//! own, so that the cancellation of one caller does not cancel a fetch that other callers wait for.

use std::future::Future;
use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use less_sync_auth::jwks::KeyQuery;
use less_sync_auth::jwks::cache::{
    CacheTimes, FetchFailed, FetchOrigin, KeyCache, LoadedKeys, Lookup, NextTry, Rejection,
};
use less_sync_auth::{KeySet, P256Key};
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::watch;
use url::Url;

use crate::authentication_metrics::FetchMetrics;
use crate::key_set_source::{FetchMode, KeySetError, KeySetSource};
use crate::ports::{Clock, Spawner};
use crate::random::Random;

/// Delays before the attempts of a background refresh, before jitter.
const RETRY_DELAYS: [Duration; 4] =
    [Duration::ZERO, Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4)];

/// Jitter of the delays: servers that lost one issuer at the same moment do not retry in step.
const JITTER: f64 = 0.2;

/// Ports that the key set caches of all issuers use.
#[derive(Clone)]
pub struct KeySetDeps {
    /// Client for key set documents.
    pub source: Arc<dyn KeySetSource>,
    /// Wall-clock and monotonic time.
    pub clock: Arc<dyn Clock>,
    /// Supervisor of fetch and refresh tasks.
    pub spawner: Arc<dyn Spawner>,
    /// Source of the retry jitter.
    pub random: Arc<dyn Random>,
}

impl std::fmt::Debug for KeySetDeps {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeySetDeps").finish_non_exhaustive()
    }
}

/// Cached keys of one issuer.
pub(crate) struct IssuerKeys {
    /// Position in the configuration; names the issuer in logs.
    index: usize,
    url: Url,
    deps: KeySetDeps,
    /// Copy of the key set in `state`, for readers without a lock.
    loaded: ArcSwapOption<LoadedKeys>,
    state: Mutex<State>,
    fetches: FetchMetrics,
    created: Instant,
}

struct State {
    cache: KeyCache,
    /// Result of the fetch in flight, or of the last one.
    fetch: FetchResult,
}

/// Receives the result of a fetch; `None` while it is in flight.
type FetchResult = watch::Receiver<Option<Result<(), FetchFailed>>>;

type Fetched = Result<(KeySet, Option<Duration>), FetchFailed>;

/// Result of a lookup under the lock.
enum Step {
    Done(Result<Arc<P256Key>, Rejection>),
    Wait(FetchOrigin, FetchResult),
}

impl IssuerKeys {
    pub(crate) fn new(index: usize, url: Url, times: CacheTimes, deps: KeySetDeps) -> Arc<Self> {
        let state = State { cache: KeyCache::new(times), fetch: watch::channel(None).1 };
        let (loaded, fetches, created) =
            (ArcSwapOption::empty(), FetchMetrics::default(), deps.clock.instant());
        Arc::new(Self { index, url, deps, loaded, state: Mutex::new(state), fetches, created })
    }

    /// Position of the issuer in the configuration.
    pub(crate) fn index(&self) -> usize {
        self.index
    }

    pub(crate) fn fetches(&self) -> &FetchMetrics {
        &self.fetches
    }

    /// Age of the key set, usable or not; without one, the time since the creation of this cache.
    pub(crate) fn age(&self) -> Duration {
        let now = self.deps.clock.instant();
        let loaded = self.loaded.load();
        loaded.as_ref().map_or_else(|| now.saturating_duration_since(self.created), |loaded| loaded.age(now))
    }

    /// The key that a token requires. Waits only if the cached set lacks it, at most the timeout of a foreground fetch.
    pub(crate) async fn key(self: &Arc<Self>, query: KeyQuery<'_>) -> Result<Arc<P256Key>, Rejection> {
        if let Some(key) = self.cached_key(query) {
            return Ok(key);
        }
        match self.look_up(query) {
            Step::Done(result) => result,
            Step::Wait(origin, fetch) => {
                // The timeout applies to the waiting, not to the fetch: the caller may have joined a background fetch,
                // which has longer, and that fetch must go on for the other callers.
                let result = self.with_timeout(FetchMode::Foreground.timeout(), completed(fetch)).await;
                let result = result.unwrap_or(Err(FetchFailed));
                self.state.lock().cache.after_fetch(query, origin, result, self.deps.clock.instant())
            }
        }
    }

    /// Starts a background refresh if one is due.
    pub(crate) fn refresh_if_due(self: &Arc<Self>) {
        self.refresh_if_due_in(self.state.lock());
    }

    /// Age of the key set, unless there is none or it is too old to be used.
    pub(crate) fn usable_age(&self) -> Option<Duration> {
        let now = self.deps.clock.instant();
        self.loaded
            .load()
            .as_ref()
            .filter(|loaded| loaded.usable(now).is_some())
            .map(|loaded| loaded.age(now))
    }

    /// Lock-free fast path of nearly every token: reads the published set and never waits.
    fn cached_key(self: &Arc<Self>, query: KeyQuery<'_>) -> Option<Arc<P256Key>> {
        let now = self.deps.clock.instant();
        let loaded = self.loaded.load();
        let loaded = loaded.as_ref()?;
        let key = Arc::clone(query.find(loaded.usable(now)?)?);
        // Stale-while-revalidate: the stale key is used, and the first reader past the freshness starts a refresh.
        // `try_lock`, since the holder of the lock is about to start one or has just finished one; blocking here would
        // put every authentication behind that lock. A refresh that is missed is due for the next reader.
        if !loaded.is_fresh(now)
            && let Some(state) = self.state.try_lock()
        {
            self.refresh_if_due_in(state);
        }
        Some(key)
    }

    fn look_up(self: &Arc<Self>, query: KeyQuery<'_>) -> Step {
        let mut state = self.state.lock();
        match state.cache.lookup(query, self.deps.clock.instant()) {
            Lookup::Found { key, refresh } => {
                drop(state);
                self.refresh_if(refresh);
                Step::Done(Ok(key))
            }
            Lookup::Rejected(rejection) => Step::Done(Err(rejection)),
            Lookup::Fetch => Step::Wait(FetchOrigin::Own, self.start_fetch(state, FetchMode::Foreground)),
            // Single-flight: the receiver is cloned under the lock that `start_fetch` replaces it under, so it belongs to
            // the fetch that the cache said is in flight, or shows its result if that ends before the wait begins.
            Lookup::Wait => Step::Wait(FetchOrigin::Joined, state.fetch.clone()),
        }
    }

    fn refresh_if_due_in(self: &Arc<Self>, mut state: MutexGuard<'_, State>) {
        let due = state.cache.refresh_if_due(self.deps.clock.instant());
        drop(state);
        self.refresh_if(due);
    }

    fn refresh_if(self: &Arc<Self>, due: bool) {
        if due {
            let refresh = Refresh { keys: Arc::clone(self) };
            self.deps.spawner.spawn("key set refresh", Box::pin(refresh.run()));
        }
    }

    /// Starts the fetch that the cache asked for.
    fn start_fetch(self: &Arc<Self>, mut state: MutexGuard<'_, State>, mode: FetchMode) -> FetchResult {
        let (sender, result) = watch::channel(None);
        state.fetch = result.clone();
        // Unlock before spawning: a spawner that is stopping may drop the task at once, and `Fetch::drop` takes the
        // lock again.
        drop(state);
        let fetch = Fetch { keys: Arc::clone(self), sender, fetched: Err(FetchFailed) };
        self.deps.spawner.spawn("key set fetch", Box::pin(fetch.run(mode)));
        result
    }

    async fn fetch(&self, mode: FetchMode) -> Fetched {
        let fetch = self.deps.source.fetch(&self.url, mode);
        let response = self.with_timeout(mode.timeout(), fetch).await.unwrap_or(Err(KeySetError::TimedOut));
        let parsed = response.and_then(|response| Ok((KeySet::parse(&response.body)?, response.max_age)));
        if parsed.is_ok() { &self.fetches.ok } else { &self.fetches.error }.inc();
        match &parsed {
            Ok((set, _)) if set.skipped().is_empty() => {
                tracing::debug!(issuer = self.index, "key set fetched");
            }
            Ok((set, _)) => {
                let skipped = set.skipped();
                tracing::info!(issuer = self.index, count = skipped.len(), %skipped, "key set fetched, entries skipped");
            }
            Err(error) => {
                tracing::warn!(issuer = self.index, url = %self.url, error = %less_sync_core::ErrorChain(error), "failed to fetch a key set");
            }
        }
        parsed.map_err(|_| FetchFailed)
    }

    fn complete_fetch(&self, fetched: Fetched) {
        let mut state = self.state.lock();
        state.cache.fetched(fetched, self.deps.clock.instant());
        // Published under the lock: two fetches that end at the same time cannot publish in the wrong order.
        self.loaded.store(state.cache.loaded().cloned());
    }

    /// The next attempt of a background refresh; `None` when a foreground fetch has made it unnecessary.
    fn next_attempt(self: &Arc<Self>) -> Option<FetchResult> {
        let mut state = self.state.lock();
        match state.cache.next_try(self.deps.clock.instant()) {
            NextTry::Fetch => Some(self.start_fetch(state, FetchMode::Background)),
            NextTry::Wait => Some(state.fetch.clone()),
            NextTry::Unneeded => None,
        }
    }

    async fn sleep_jittered(&self, delay: Duration) {
        let delay = self.deps.random.jittered(delay, JITTER);
        self.deps.clock.sleep_until(self.deps.clock.instant() + delay).await;
    }

    /// The result of `work`, or `None` after `timeout`.
    async fn with_timeout<T>(&self, timeout: Duration, work: impl Future<Output = T>) -> Option<T> {
        let deadline = self.deps.clock.sleep_until(self.deps.clock.instant() + timeout);
        tokio::select! {
            biased;
            done = work => Some(done),
            () = deadline => None,
        }
    }
}

/// Fetch in flight. Reports its result on drop, so that a panic or a cancelled task releases the waiters too.
struct Fetch {
    keys: Arc<IssuerKeys>,
    sender: watch::Sender<Option<Result<(), FetchFailed>>>,
    fetched: Fetched,
}

impl Fetch {
    async fn run(mut self, mode: FetchMode) {
        self.fetched = self.keys.fetch(mode).await;
    }
}

impl Drop for Fetch {
    fn drop(&mut self) {
        let fetched = mem::replace(&mut self.fetched, Err(FetchFailed));
        let result = fetched.as_ref().map(drop).map_err(|failed| *failed);
        // The cache first: a waiter that wakes up looks the key up at once.
        self.keys.complete_fetch(fetched);
        self.sender.send_replace(Some(result));
    }
}

/// Background refresh: one fetch and its retries. Allows the next refresh on drop, however the task ends.
struct Refresh {
    keys: Arc<IssuerKeys>,
}

impl Refresh {
    async fn run(self) {
        for delay in RETRY_DELAYS {
            self.keys.sleep_jittered(delay).await;
            let Some(fetch) = self.keys.next_attempt() else { return };
            if completed(fetch).await.is_ok() {
                return;
            }
        }
    }
}

impl Drop for Refresh {
    fn drop(&mut self) {
        self.keys.state.lock().cache.refresh_ended();
    }
}

/// Waits for the result of a fetch. A sender that is gone without one counts as a failure.
async fn completed(mut fetch: FetchResult) -> Result<(), FetchFailed> {
    fetch.wait_for(Option::is_some).await.ok().and_then(|result| *result).unwrap_or(Err(FetchFailed))
}

//! The keys of one issuer: fetched once for all who wait, refreshed behind their backs (auth §3.2).
//!
//! [`KeyCache`] decides; this carries it out. Every fetch is a task of its own, so that a caller who goes away does
//! not cancel what others wait for.

use std::future::Future;
use std::mem;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use less_sync_auth::jwks::cache::{
    CacheTimes, FetchFailed, KeyCache, LoadedKeys, Lookup, NextTry, Rejection,
};
use less_sync_auth::{KeySet, P256Key};
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::watch;
use url::Url;

use crate::key_set_source::{FetchMode, KeySetError, KeySetSource};
use crate::ports::{Clock, Spawner};

/// Pauses before the tries of a background refresh, before jitter.
const TRIES: [Duration; 4] =
    [Duration::ZERO, Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4)];
const JITTER: RangeInclusive<f64> = 0.8..=1.2;

/// What the keys of all issuers share.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) source: Arc<dyn KeySetSource>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) spawner: Arc<dyn Spawner>,
}

/// The keys of one issuer.
pub(crate) struct IssuerKeys {
    /// Position in the configuration: what logs call the issuer.
    index: usize,
    url: Url,
    world: World,
    /// What `state` has loaded, for readers without a lock.
    loaded: ArcSwapOption<LoadedKeys>,
    state: Mutex<State>,
}

struct State {
    cache: KeyCache,
    /// Of the fetch that is under way, or the last one.
    fetch: Outcome,
}

/// Shows how a fetch ended, once it has.
type Outcome = watch::Receiver<Option<Result<(), FetchFailed>>>;

type Fetched = Result<(KeySet, Option<Duration>), FetchFailed>;

/// How a look-up goes on.
enum Step {
    Answer(Result<Arc<P256Key>, Rejection>),
    Wait(Outcome),
}

impl IssuerKeys {
    pub(crate) fn new(index: usize, url: Url, times: CacheTimes, world: World) -> Arc<Self> {
        let state = State { cache: KeyCache::new(times), fetch: watch::channel(None).1 };
        Arc::new(Self { index, url, world, loaded: ArcSwapOption::empty(), state: Mutex::new(state) })
    }

    /// The key called `key_id`. Waits only when it is not among those at hand, and then no longer than a fetch in
    /// the foreground may take.
    pub(crate) async fn key(self: &Arc<Self>, key_id: &str) -> Result<Arc<P256Key>, Rejection> {
        if let Some(key) = self.key_at_hand(key_id) {
            return Ok(key);
        }
        match self.look_up(key_id) {
            Step::Answer(answer) => answer,
            Step::Wait(fetch) => {
                let outcome = self.at_most(FetchMode::Foreground.timeout(), ended(fetch)).await;
                let outcome = outcome.unwrap_or(Err(FetchFailed));
                self.state.lock().cache.after_fetch(key_id, outcome, self.world.clock.instant())
            }
        }
    }

    /// Begins a refresh in the background if one is due.
    pub(crate) fn refresh_if_due(self: &Arc<Self>) {
        self.refresh_if_due_in(self.state.lock());
    }

    /// The age of the key set, while it may be used.
    pub(crate) fn usable_age(&self) -> Option<Duration> {
        let now = self.world.clock.instant();
        self.loaded
            .load()
            .as_ref()
            .filter(|loaded| loaded.usable(now).is_some())
            .map(|loaded| loaded.age(now))
    }

    /// Waits for nothing: while somebody else holds the lock, the refresh is left to later readers.
    fn key_at_hand(self: &Arc<Self>, key_id: &str) -> Option<Arc<P256Key>> {
        let now = self.world.clock.instant();
        let loaded = self.loaded.load();
        let loaded = loaded.as_ref()?;
        let key = Arc::clone(loaded.usable(now)?.key(key_id)?);
        if !loaded.is_fresh(now)
            && let Some(state) = self.state.try_lock()
        {
            self.refresh_if_due_in(state);
        }
        Some(key)
    }

    fn look_up(self: &Arc<Self>, key_id: &str) -> Step {
        let mut state = self.state.lock();
        match state.cache.lookup(key_id, self.world.clock.instant()) {
            Lookup::Found { key, refresh } => {
                drop(state);
                self.refresh_if(refresh);
                Step::Answer(Ok(key))
            }
            Lookup::Rejected(rejection) => Step::Answer(Err(rejection)),
            Lookup::Fetch => Step::Wait(self.start_fetch(state, FetchMode::Foreground)),
            Lookup::Wait => Step::Wait(state.fetch.clone()),
        }
    }

    fn refresh_if_due_in(self: &Arc<Self>, mut state: MutexGuard<'_, State>) {
        let due = state.cache.refresh_if_due(self.world.clock.instant());
        drop(state);
        self.refresh_if(due);
    }

    fn refresh_if(self: &Arc<Self>, wanted: bool) {
        if wanted {
            let refresh = Refresh { keys: Arc::clone(self) };
            self.world.spawner.spawn("key set refresh", Box::pin(refresh.run()));
        }
    }

    /// Starts the fetch that the cache asked for. Lets go of the lock first: a spawner that is stopping may drop the
    /// task at once, and its end takes the lock again.
    fn start_fetch(self: &Arc<Self>, mut state: MutexGuard<'_, State>, mode: FetchMode) -> Outcome {
        let (report, outcome) = watch::channel(None);
        state.fetch = outcome.clone();
        drop(state);
        let fetch = Fetch { keys: Arc::clone(self), report, fetched: Err(FetchFailed) };
        self.world.spawner.spawn("key set fetch", Box::pin(fetch.run(mode)));
        outcome
    }

    async fn fetch(&self, mode: FetchMode) -> Fetched {
        let fetch = self.world.source.fetch(&self.url, mode);
        let answer = self.at_most(mode.timeout(), fetch).await.unwrap_or(Err(KeySetError::TimedOut));
        let parsed = answer.and_then(|answer| Ok((KeySet::parse(&answer.body)?, answer.max_age)));
        match &parsed {
            Ok((set, _)) => tracing::debug!(issuer = self.index, skipped = set.skipped(), "key set fetched"),
            Err(error) => {
                tracing::warn!(issuer = self.index, error = %less_sync_core::ErrorChain(error), "key set fetch failed");
            }
        }
        parsed.map_err(|_| FetchFailed)
    }

    fn fetch_ended(&self, fetched: Fetched) {
        let mut state = self.state.lock();
        state.cache.fetched(fetched, self.world.clock.instant());
        self.loaded.store(state.cache.loaded().cloned());
    }

    /// The next try of the background refresh, unless it has become needless.
    fn next_try(self: &Arc<Self>) -> Option<Outcome> {
        let mut state = self.state.lock();
        match state.cache.next_try(self.world.clock.instant()) {
            NextTry::Fetch => Some(self.start_fetch(state, FetchMode::Background)),
            NextTry::Wait => Some(state.fetch.clone()),
            NextTry::Unneeded => None,
        }
    }

    async fn pause(&self, length: Duration) {
        let length = length.mul_f64(rand::random_range(JITTER));
        self.world.clock.sleep_until(self.world.clock.instant() + length).await;
    }

    async fn at_most<T>(&self, limit: Duration, work: impl Future<Output = T>) -> Option<T> {
        let deadline = self.world.clock.sleep_until(self.world.clock.instant() + limit);
        tokio::select! {
            biased;
            done = work => Some(done),
            () = deadline => None,
        }
    }
}

/// A fetch under way. However it ends, also by panic or by being dropped, the cache and those who wait hear of it.
struct Fetch {
    keys: Arc<IssuerKeys>,
    report: watch::Sender<Option<Result<(), FetchFailed>>>,
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
        let outcome = fetched.as_ref().map(drop).map_err(|failed| *failed);
        self.keys.fetch_ended(fetched);
        self.report.send_replace(Some(outcome));
    }
}

/// A background refresh: one attempt of several tries.
struct Refresh {
    keys: Arc<IssuerKeys>,
}

impl Refresh {
    async fn run(self) {
        for pause in TRIES {
            self.keys.pause(pause).await;
            let Some(fetch) = self.keys.next_try() else { return };
            if ended(fetch).await.is_ok() {
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

async fn ended(mut fetch: Outcome) -> Result<(), FetchFailed> {
    fetch.wait_for(Option::is_some).await.ok().and_then(|outcome| *outcome).unwrap_or(Err(FetchFailed))
}

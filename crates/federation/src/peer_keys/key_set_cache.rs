//! Cached key set of one peer: fresh, stale, and its refreshes (federation KY-7).

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use less_sync_auth::federation::peer_key_set::PeerKeySet;
use less_sync_auth::federation::{KeyId, PeerKey};
use parking_lot::Mutex;
use tokio::sync::Notify;

/// Age up to which known keys are used without a request.
const FRESH: Duration = Duration::from_hours(1);

/// Age up to which keys are used when refreshes fail.
const USABLE: Duration = Duration::from_hours(24);

/// Least time between the starts of two refreshes.
const PAUSE: Duration = Duration::from_secs(10);

/// Least time between two warnings about a stale key set.
const WARNING: Duration = Duration::from_hours(1);

/// Maximum upgrades that wait for a refresh.
const MAX_WAITING: usize = 16;

/// Next step of a lookup.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Plan {
    /// Known keys, perhaps none.
    Use(Vec<PeerKey>),
    /// Wait for the refresh that is running.
    Join,
    /// Start a refresh, and wait for it.
    Refresh,
}

/// Key set of a peer.
#[derive(Debug, Default)]
pub(super) struct KeySetCache {
    state: Mutex<State>,
    waiting: AtomicUsize,
    refreshed: Notify,
}

#[derive(Debug, Default)]
struct State {
    keys: Option<(PeerKeySet, Instant)>,
    /// Start of the latest refresh.
    started: Option<Instant>,
    is_running: bool,
    warned: Option<Instant>,
}

impl State {
    /// Keys with this id, at most `age` old.
    fn keys(&self, id: &KeyId, age: Duration, now: Instant) -> Option<Vec<PeerKey>> {
        let (keys, fetched) = self.keys.as_ref()?;
        (now.saturating_duration_since(*fetched) <= age).then(|| keys.matching(id))
    }
}

impl KeySetCache {
    /// Decides at `now` how the keys with this id are found; [`Plan::Refresh`] is for one caller at a time.
    pub(super) fn plan(&self, id: &KeyId, now: Instant) -> Plan {
        let mut state = self.state.lock();
        if let Some(fresh) = state.keys(id, FRESH, now).filter(|keys| !keys.is_empty()) {
            return Plan::Use(fresh);
        }
        let may_wait = self.waiting.load(Ordering::Acquire) < MAX_WAITING;
        if state.is_running && may_wait {
            return Plan::Join;
        }
        let has_paused = state.started.is_none_or(|started| now.saturating_duration_since(started) >= PAUSE);
        if !state.is_running && has_paused {
            (state.is_running, state.started) = (true, Some(now));
            return Plan::Refresh;
        }
        Plan::Use(state.keys(id, USABLE, now).unwrap_or_default())
    }

    /// Keys with this id, fresh or stale.
    pub(super) fn usable(&self, id: &KeyId, now: Instant) -> Vec<PeerKey> {
        self.state.lock().keys(id, USABLE, now).unwrap_or_default()
    }

    /// Completes when no refresh is running. Counts as waiting until then, or until it is dropped.
    pub(super) async fn refreshed(&self) {
        let _waiting = Waiting::new(&self.waiting);
        let notified = self.refreshed.notified();
        tokio::pin!(notified);
        // Registered before the check: a refresh that ends in between notifies this waiter.
        notified.as_mut().enable();
        if self.state.lock().is_running {
            notified.await;
        }
    }

    /// Ends the running refresh with its key set; `None` after the last failed attempt, which leaves the previous one. Returns the
    /// age of a stale key set that a warning is due for.
    pub(super) fn end_refresh(&self, keys: Option<PeerKeySet>, now: Instant) -> Option<Duration> {
        let mut state = self.state.lock();
        state.is_running = false;
        let age = match keys {
            Some(keys) => {
                state.keys = Some((keys, now));
                None
            }
            None => state.keys.as_ref().map(|(_, fetched)| now.saturating_duration_since(*fetched)),
        };
        let is_due = state.warned.is_none_or(|warned| now.saturating_duration_since(warned) >= WARNING);
        let warning = age.filter(|age| *age > FRESH && is_due);
        if warning.is_some() {
            state.warned = Some(now);
        }
        drop(state);
        self.refreshed.notify_waiters();
        warning
    }
}

/// Guard that counts a waiting upgrade.
struct Waiting<'c>(&'c AtomicUsize);

impl<'c> Waiting<'c> {
    fn new(count: &'c AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::AcqRel);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use less_sync_auth::federation::SigningKey;
    use less_sync_auth::federation::key_set::{KidForm, key_set_document};

    use super::*;

    const ID: &str = "https://a.example/.well-known/jwks.json#k";

    fn id() -> KeyId {
        ID.parse().unwrap()
    }

    fn key() -> PeerKey {
        SigningKey::from_seed(&[7; 32]).public()
    }

    fn key_set() -> PeerKeySet {
        PeerKeySet::parse(&key_set_document(&[(id(), key())], KidForm::Full)).unwrap()
    }

    #[expect(clippy::disallowed_methods, reason = "an Instant can only be had from the system")]
    fn start() -> Instant {
        Instant::now()
    }

    fn minutes(minutes: u64) -> Duration {
        Duration::from_mins(minutes)
    }

    /// Federation KY-7, T-029…034, FM-19.
    #[test]
    fn ky_7_key_set_is_fresh_then_stale_then_unusable() {
        let (cache, t) = (KeySetCache::default(), start());
        assert_eq!(cache.plan(&id(), t), Plan::Refresh);
        assert_eq!(cache.plan(&id(), t), Plan::Join, "one refresh at a time");
        assert_eq!(cache.end_refresh(Some(key_set()), t), None);
        assert_eq!(cache.plan(&id(), t + minutes(60)), Plan::Use(vec![key()]));
        let stale = t + minutes(61);
        assert_eq!(cache.plan(&id(), stale), Plan::Refresh);
        assert_eq!(cache.end_refresh(None, stale), Some(minutes(61)), "a warning");
        assert_eq!(cache.usable(&id(), stale), [key()]);
        assert_eq!(cache.plan(&id(), stale + minutes(1)), Plan::Refresh);
        assert_eq!(cache.end_refresh(None, stale + minutes(1)), None, "one warning an hour");
        assert_eq!(cache.usable(&id(), t + minutes(24 * 60)), [key()]);
        assert_eq!(cache.usable(&id(), t + minutes(24 * 60 + 1)), []);
    }

    #[test]
    fn ky_7_unknown_id_refreshes_a_fresh_key_set_once_in_ten_seconds() {
        let (cache, t) = (KeySetCache::default(), start());
        let unknown: KeyId = "https://a.example/.well-known/jwks.json#new".parse().unwrap();
        assert_eq!(cache.plan(&id(), t), Plan::Refresh);
        cache.end_refresh(Some(key_set()), t);
        assert_eq!(cache.plan(&unknown, t + Duration::from_secs(9)), Plan::Use(vec![]));
        assert_eq!(cache.plan(&unknown, t + Duration::from_secs(10)), Plan::Refresh);
        cache.end_refresh(None, t + Duration::from_secs(11));
        assert_eq!(cache.plan(&unknown, t + Duration::from_secs(19)), Plan::Use(vec![]));
        assert_eq!(cache.plan(&id(), t + Duration::from_secs(19)), Plan::Use(vec![key()]));
    }

    #[tokio::test]
    async fn ky_7_sixteen_upgrades_wait_and_the_next_does_not() {
        let (cache, t) = (std::sync::Arc::new(KeySetCache::default()), start());
        assert_eq!(cache.plan(&id(), t), Plan::Refresh);
        let mut waiting: Vec<_> = (0..MAX_WAITING).map(|_| Box::pin(cache.refreshed())).collect();
        for waiter in &mut waiting {
            assert!(futures_util::poll!(waiter.as_mut()).is_pending());
        }
        assert_eq!(cache.plan(&id(), t), Plan::Use(vec![]));
        drop(waiting.pop());
        assert_eq!(cache.plan(&id(), t), Plan::Join);
        cache.end_refresh(Some(key_set()), t);
        futures_util::future::join_all(waiting).await;
        assert_eq!(cache.plan(&id(), t), Plan::Use(vec![key()]));
    }
}

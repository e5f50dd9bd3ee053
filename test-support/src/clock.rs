//! A clock that stands still until a test moves it.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use less_sync_core::Timestamp;
use less_sync_engine::{Clock, Job};
use parking_lot::Mutex;
use tokio::sync::watch;

/// Wall-clock and monotonic time that move together, and only by [`ManualClock::advance`].
///
/// Clones share one time. A sleeper is registered when it is made, not when it is first polled, so an
/// [`advance`](ManualClock::advance) between the two is not lost.
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    time: Mutex<Time>,
    sleepers: watch::Sender<usize>,
}

#[derive(Debug)]
struct Time {
    wall: Timestamp,
    instant: Instant,
    next_key: u64,
    sleepers: BTreeMap<(Instant, u64), Option<Waker>>,
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}

impl ManualClock {
    /// A clock that shows the present, so that tokens made by real services are valid on it.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the only look at real time: where this clock starts")]
    pub fn new() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self::starting_at(Timestamp::from_seconds(0).plus(since_epoch))
    }

    /// A clock that shows `wall`.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "an Instant can only be had from the system")]
    pub fn starting_at(wall: Timestamp) -> Self {
        let time = Time { wall, instant: Instant::now(), next_key: 0, sleepers: BTreeMap::new() };
        Self(Arc::new(Shared { time: Mutex::new(time), sleepers: watch::Sender::new(0) }))
    }

    /// Moves both times on by `by` and wakes everybody whose time has come, earliest first.
    pub fn advance(&self, by: Duration) {
        let due = {
            let mut time = self.0.time.lock();
            time.wall = time.wall.plus(by);
            time.instant += by;
            let just_after = time.instant + Duration::from_nanos(1);
            let still_asleep = time.sleepers.split_off(&(just_after, 0));
            let due = std::mem::replace(&mut time.sleepers, still_asleep);
            self.0.sleepers.send_replace(time.sleepers.len());
            due
        };
        due.into_values().flatten().for_each(Waker::wake);
    }

    /// Number of sleepers whose deadline has not been reached.
    #[must_use]
    pub fn sleepers(&self) -> usize {
        self.0.time.lock().sleepers.len()
    }

    /// Completes once somebody sleeps until exactly `by` from now. Lets a test wait for a timer to be armed before
    /// it moves the time on.
    pub async fn until_armed(&self, by: Duration) {
        let mut changes = self.0.sleepers.subscribe();
        while !self.is_armed(by) {
            let change = crate::within(format!("a timer of {by:?}"), changes.changed()).await;
            assert!(change.is_ok(), "the clock is gone");
        }
    }

    fn is_armed(&self, by: Duration) -> bool {
        let time = self.0.time.lock();
        let at = time.instant + by;
        time.sleepers.range((at, 0)..=(at, u64::MAX)).next().is_some()
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        self.0.time.lock().wall
    }

    fn instant(&self) -> Instant {
        self.0.time.lock().instant
    }

    fn sleep_until(&self, at: Instant) -> Job {
        let mut time = self.0.time.lock();
        if at <= time.instant {
            return Box::pin(std::future::ready(()));
        }
        let key = (at, time.next_key);
        time.next_key += 1;
        time.sleepers.insert(key, None);
        self.0.sleepers.send_replace(time.sleepers.len());
        Box::pin(Sleep { shared: Arc::clone(&self.0), key })
    }
}

/// A pending sleep. Its entry in the table is removed at its deadline.
struct Sleep {
    shared: Arc<Shared>,
    key: (Instant, u64),
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        match self.shared.time.lock().sleepers.get_mut(&self.key) {
            Some(waker) => {
                *waker = Some(context.waker().clone());
                Poll::Pending
            }
            None => Poll::Ready(()),
        }
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        let mut time = self.shared.time.lock();
        if time.sleepers.remove(&self.key).is_some() {
            self.shared.sleepers.send_replace(time.sleepers.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::within;

    #[tokio::test]
    async fn a_sleeper_wakes_when_its_time_has_come_and_not_before() {
        let clock = ManualClock::new();
        let mut sleep = clock.sleep_until(clock.instant() + Duration::from_secs(30));
        clock.advance(Duration::from_secs(29));
        assert!(futures_util::poll!(sleep.as_mut()).is_pending());
        clock.advance(Duration::from_secs(1));
        within("the sleeper", sleep).await;
    }

    #[tokio::test]
    async fn time_that_passes_before_the_first_poll_counts() {
        let clock = ManualClock::new();
        let sleep = clock.sleep_until(clock.instant() + Duration::from_secs(30));
        clock.advance(Duration::from_secs(31));
        within("the sleeper", sleep).await;
    }

    #[tokio::test]
    async fn a_waiting_task_is_woken() {
        let clock = ManualClock::new();
        let mut tasks = tokio::task::JoinSet::new();
        for seconds in 1..=100 {
            let sleep = clock.sleep_until(clock.instant() + Duration::from_secs(seconds));
            tasks.spawn(sleep);
        }
        clock.until_armed(Duration::from_secs(100)).await;
        clock.advance(Duration::from_secs(50));
        for _ in 0..50 {
            within("a sleeper", tasks.join_next()).await;
        }
        assert_eq!(clock.sleepers(), 50);
    }

    #[test]
    fn a_sleeper_that_gives_up_leaves_nothing_behind() {
        let clock = ManualClock::new();
        drop(clock.sleep_until(clock.instant() + Duration::from_secs(1)));
        assert_eq!(clock.sleepers(), 0);
    }

    #[test]
    fn both_times_move_together() {
        let clock = ManualClock::starting_at(Timestamp::from_seconds(1_000));
        let before = clock.instant();
        clock.advance(Duration::from_millis(1_500));
        assert_eq!(clock.now(), Timestamp::from_millis(1_001_500));
        assert_eq!(clock.instant() - before, Duration::from_millis(1_500));
    }
}

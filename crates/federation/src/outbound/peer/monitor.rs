//! Life of the links to a peer: dial, renewal, idleness, and the reaction to their end (federation §8.4, §8.5, PM-13).

use std::sync::Arc;
use std::time::{Duration, Instant};

use less_sync_engine::Job;

use super::super::link::{Link, LinkEnd, LocalEnd};
use super::super::redial::{self, Outcome};
use super::{PeerObject, State};

/// Delay of the next renewal after one that failed.
const RENEWAL_RETRY: Duration = Duration::from_mins(1);

/// Interval at which the calls on a replaced link are counted.
const DRAIN_CHECK: Duration = Duration::from_millis(250);

/// Event in the life of a link.
enum Event {
    Ended(LinkEnd),
    Renewal,
    IdleCheck,
}

impl PeerObject {
    /// Dials, and attends to the link until it has ended.
    pub(super) async fn run(self: Arc<Self>) {
        let started = self.shared.deps.clock.instant();
        match self.dial().await {
            Ok(link) => {
                let took = self.shared.deps.clock.instant().saturating_duration_since(started);
                self.shared.metrics.dialled(&self.id, took);
                if self.trusted().is_none() {
                    // Trust has ended during the dial.
                    link.end(LinkEnd::ByUs(LocalEnd::Untrusted));
                    return self.enter(State::Idle);
                }
                self.log_up(&link);
                self.enter(State::Up(link.clone()));
                self.attend(link).await;
            }
            Err(failed) => {
                let wait = self.wait(failed.outcome, failed.retry_after);
                self.log_failure(&failed, wait, self.shared.deps.clock.instant());
            }
        }
    }

    /// Attendance as a job of its own: the type of a future must not contain itself.
    fn attendance(self: Arc<Self>, link: Arc<Link>) -> Job {
        Box::pin(self.attend(link))
    }

    async fn attend(self: Arc<Self>, link: Arc<Link>) {
        let (clock, timing) = (self.shared.deps.clock.clone(), self.shared.deps.timing.clone());
        let mut renewal = link.opened() + self.shared.deps.random.duration(&timing.renewal);
        loop {
            let idle = link.idleness().0 + timing.idle;
            let event = tokio::select! {
                biased;
                end = link.until_ended() => Event::Ended(end),
                () = clock.sleep_until(renewal) => Event::Renewal,
                () = clock.sleep_until(idle.max(clock.instant() + DRAIN_CHECK)) => Event::IdleCheck,
            };
            match event {
                Event::Ended(end) => return self.on_end(&link, &end),
                Event::Renewal => match self.dial().await {
                    Ok(next) => return self.replace(link, next).await,
                    Err(failed) => {
                        self.log_failure(&failed, RENEWAL_RETRY, clock.instant());
                        renewal = clock.instant() + RENEWAL_RETRY;
                    }
                },
                Event::IdleCheck => {
                    let (used, is_free) = link.idleness();
                    let is_needed = self.shared.listener().is_some_and(|of| of.needs_link(&self.id));
                    if is_free && !is_needed && clock.instant().saturating_duration_since(used) >= timing.idle
                    {
                        link.end(LinkEnd::ByUs(LocalEnd::Idle));
                    }
                }
            }
        }
    }

    /// Puts `next` in the place of `link`, whose calls get time to finish (make before break).
    async fn replace(self: Arc<Self>, link: Arc<Link>, next: Arc<Link>) {
        if self.trusted().is_none() {
            // Trust has ended during the dial.
            next.end(LinkEnd::ByUs(LocalEnd::Untrusted));
            link.end(LinkEnd::ByUs(LocalEnd::Untrusted));
            return self.enter(State::Idle);
        }
        self.enter(State::Up(next.clone()));
        self.log_up(&next);
        self.shared.deps.spawner.spawn("federation link", self.clone().attendance(next));
        let clock = &self.shared.deps.clock;
        let last = clock.instant() + self.shared.deps.timing.drain;
        while link.pending() > 0 && clock.instant() < last {
            tokio::select! {
                biased;
                _ = link.until_ended() => break,
                () = clock.sleep_until((clock.instant() + DRAIN_CHECK).min(last)) => {}
            }
        }
        link.end(LinkEnd::ByUs(LocalEnd::Replaced));
        self.log_down(&link, &LinkEnd::ByUs(LocalEnd::Replaced));
    }

    fn on_end(&self, link: &Arc<Link>, end: &LinkEnd) {
        self.log_down(link, end);
        let timing = &self.shared.deps.timing;
        let age = self.shared.deps.clock.instant().saturating_duration_since(link.opened());
        if age >= timing.backoff_reset {
            *self.failures.lock() = 0;
        }
        match Outcome::of_end(end) {
            Some(outcome) => {
                self.shared.metrics.ended(&self.id, outcome);
                self.wait(outcome, None);
            }
            None => self.enter(State::Idle),
        }
    }

    /// Counts a failure, and delays the next dial.
    fn wait(&self, outcome: Outcome, retry_after: Option<Duration>) -> Duration {
        let deps = &self.shared.deps;
        let failures = {
            let mut failures = self.failures.lock();
            *failures = failures.saturating_add(1);
            *failures
        };
        let delay = redial::delay(outcome, failures, retry_after, &deps.timing, &*deps.random);
        let until: Instant = deps.clock.instant() + delay;
        self.enter(State::Waiting { until, is_halted: outcome.is_halt() });
        delay
    }

    fn log_up(&self, link: &Link) {
        let profile = if link.terms().is_native() { "native" } else { "original" };
        // Event name of federation §18.4.
        tracing::info!(peer = %self.id, direction = "outbound", profile, "federation.link_up");
    }

    fn log_down(&self, link: &Link, end: &LinkEnd) {
        let age = self.shared.deps.clock.instant().saturating_duration_since(link.opened());
        let (code, reason) = match end {
            LinkEnd::Closed { code, reason } => (Some(*code), Some(reason.as_str())),
            LinkEnd::Lost | LinkEnd::Dead | LinkEnd::TooBig | LinkEnd::Unreadable | LinkEnd::ByUs(_) => {
                (None, None)
            }
        };
        let (error, lifetime_ms) = (end.label(), age.as_millis());
        // Event name of federation §18.4.
        tracing::info!(
            peer = %self.id, direction = "outbound", error, close_code = code, close_reason = reason, lifetime_ms,
            "federation.link_down"
        );
    }
}

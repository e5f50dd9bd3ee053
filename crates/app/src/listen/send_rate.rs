//! Rate at which a client takes the bytes of responses (http §7.6).

use std::time::Instant;

use less_sync_engine::files::TransferRate;

/// Account of the bytes sent to a client and of the time for which it took none.
#[derive(Debug)]
pub(super) struct SendRate {
    rate: TransferRate,
    /// Time from which on the client has taken nothing, up to which waiting is accounted.
    blocked_since: Option<Instant>,
    /// True once a window ended below the minimum rate.
    is_too_slow: bool,
}

impl SendRate {
    /// Account of a client that has to take at least `minimum` bytes per second.
    pub(super) const fn at_least(minimum: u64) -> Self {
        Self { rate: TransferRate::at_least(minimum), blocked_since: None, is_too_slow: false }
    }

    /// Records bytes that the client has taken.
    pub(super) fn wrote(&mut self, bytes: u64, now: Instant) {
        self.rate.moved(bytes);
        self.account(now);
        self.blocked_since = None;
    }

    /// Records that the client takes no bytes at the moment; `now` is called unless that is known.
    pub(super) fn blocked(&mut self, now: impl FnOnce() -> Instant) {
        self.blocked_since.get_or_insert_with(now);
    }

    /// Time at which [`SendRate::is_too_slow`] is to be called, if the client takes nothing until then.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.blocked_since.map(|since| if self.is_too_slow { since } else { since + self.rate.left() })
    }

    /// True if the client was below the minimum rate in a window.
    pub(super) fn is_too_slow(&mut self, now: Instant) -> bool {
        if self.blocked_since.is_some() {
            self.account(now);
            self.blocked_since = Some(now);
        }
        self.is_too_slow
    }

    fn account(&mut self, now: Instant) {
        if let Some(since) = self.blocked_since {
            let is_fast = self.rate.waited(now.saturating_duration_since(since));
            self.is_too_slow |= !is_fast;
        }
    }
}

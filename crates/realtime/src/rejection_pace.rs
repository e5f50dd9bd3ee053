//! Pace of rejected handshakes per remote address (protocol §1.10).
//!
//! A rejection costs its sender nothing but the next connection. Paced, and with the bound on unauthenticated connections per
//! address, an address causes only so many upgrades and validations per second.

use std::hash::{BuildHasher as _, RandomState};
use std::time::{Duration, Instant};

use less_sync_core::PeerNetwork;
use parking_lot::Mutex;

/// Rejections of an address at once, before each takes an [`INTERVAL`].
const BURST: u32 = 100;

const INTERVAL: Duration = Duration::from_millis(10);

/// Maximum delay of a rejection.
const MAX_DELAY: Duration = Duration::from_secs(1);

/// Number of schedules. Addresses share one where their hashes collide: then they share a pace, which delays rejections only.
const SCHEDULES: usize = 1024;

/// Schedules of rejections, in constant memory. The key of the hash is of this process, so collisions cannot be chosen.
pub(crate) struct RejectionPace {
    hasher: RandomState,
    /// Time at which each schedule has no rejection left to count.
    empty_at: Mutex<Box<[Option<Instant>]>>,
}

impl RejectionPace {
    pub(crate) fn new() -> Self {
        Self { hasher: RandomState::new(), empty_at: Mutex::new(vec![None; SCHEDULES].into()) }
    }

    /// Counts a rejection of `address` at `now`. Returns the time at which it may be sent, `None` for at once.
    pub(crate) fn count(&self, address: PeerNetwork, now: Instant) -> Option<Instant> {
        let schedule = usize::try_from(self.hasher.hash_one(address) % SCHEDULES as u64).ok()?;
        let mut schedules = self.empty_at.lock();
        let empty_at = schedules.get_mut(schedule)?;
        let last = now + BURST * INTERVAL + MAX_DELAY;
        let next = (empty_at.map_or(now, |at| at.max(now)) + INTERVAL).min(last);
        *empty_at = Some(next);
        next.checked_sub(BURST * INTERVAL).filter(|due| *due > now)
    }
}

impl std::fmt::Debug for RejectionPace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RejectionPace").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "any instant will do as an origin")]
    fn rejections_beyond_the_burst_take_turns_up_to_a_second() {
        let (pace, start) = (RejectionPace::new(), Instant::now());
        let address = PeerNetwork::of(IpAddr::V4(Ipv4Addr::LOCALHOST));
        assert!((0..BURST).all(|_| pace.count(address, start).is_none()));
        for turn in 1..=100 {
            assert_eq!(pace.count(address, start), Some(start + turn * INTERVAL));
        }
        assert_eq!(pace.count(address, start), Some(start + MAX_DELAY), "the delay is bounded");
        let later = start + MAX_DELAY + BURST * INTERVAL;
        assert!((0..BURST).all(|_| pace.count(address, later).is_none()), "time restores the burst");
        assert_eq!(pace.count(address, later), Some(later + INTERVAL));
    }
}

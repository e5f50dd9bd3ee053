//! Pace of rejected handshakes per remote address (protocol §1.10).
//!
//! A rejection costs its sender nothing but the next connection. Paced, and with the bound on unauthenticated connections per
//! address, an address causes only so many upgrades and validations per second.

use std::time::{Duration, Instant};

use less_sync_core::PeerNetwork;

use crate::pace::Pace;

/// Rejections of an address at once, before each takes an [`INTERVAL`].
const BURST: u32 = 100;

const INTERVAL: Duration = Duration::from_millis(10);

/// Maximum delay of a rejection.
const MAX_DELAY: Duration = Duration::from_secs(1);

/// Schedules of rejections.
#[derive(Debug)]
pub(crate) struct RejectionPace(Pace);

impl RejectionPace {
    pub(crate) fn new() -> Self {
        Self(Pace::new(BURST * INTERVAL, MAX_DELAY))
    }

    /// Counts a rejection of `address` at `now`. Returns the time at which it may be sent, `None` for at once.
    pub(crate) fn count(&self, address: PeerNetwork, now: Instant) -> Option<Instant> {
        self.0.count(address, INTERVAL, now)
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

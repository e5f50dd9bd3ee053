//! System clock and random source: adapters of the ports to time and randomness.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use less_sync_core::Timestamp;
use less_sync_engine::{Clock, Job, Random};

/// Clock of the system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "adapter of the clock port")]
    fn now(&self) -> Timestamp {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
    }

    #[expect(clippy::disallowed_methods, reason = "adapter of the clock port")]
    fn instant(&self) -> Instant {
        Instant::now()
    }

    fn sleep_until(&self, at: Instant) -> Job {
        Box::pin(tokio::time::sleep_until(at.into()))
    }
}

/// Random bits of a cryptographically secure generator, seeded by the system.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SystemRandom;

impl Random for SystemRandom {
    fn bits(&self) -> u128 {
        rand::random()
    }
}

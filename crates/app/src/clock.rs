//! Real time and real randomness: the only places that ask the system for them.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use less_sync_core::Timestamp;
use less_sync_engine::{Clock, Job};
use uuid::Uuid;

/// The time of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the port to real time")]
    fn now(&self) -> Timestamp {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
    }

    #[expect(clippy::disallowed_methods, reason = "this is the port to real time")]
    fn instant(&self) -> Instant {
        Instant::now()
    }

    fn sleep_until(&self, at: Instant) -> Job {
        Box::pin(tokio::time::sleep_until(at.into()))
    }
}

/// A fresh random id.
#[expect(clippy::disallowed_methods, reason = "this is where the process is composed")]
pub(crate) fn random_id() -> Uuid {
    Uuid::new_v4()
}

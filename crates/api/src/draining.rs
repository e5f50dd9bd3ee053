//! Shutdown flag of the HTTP edge.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Flag that is set once, at the start of the shutdown. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Draining(Arc<AtomicBool>);

impl Draining {
    /// Sets the flag: later requests are rejected (operations §5).
    pub fn begin(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Returns true once shutdown has begun.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

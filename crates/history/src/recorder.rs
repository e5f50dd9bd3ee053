//! Writing a history down.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use crate::Event;

/// Takes events from many clients and writes them in one order. A line is written before its caller goes on, so the order
/// of lines never contradicts the order in which things happened.
pub struct Recorder<W> {
    to: Mutex<W>,
    ops: AtomicU64,
}

impl<W: Write> Recorder<W> {
    /// Writes to `to`, a buffer perhaps.
    pub fn new(to: W) -> Self {
        Self { to: Mutex::new(to), ops: AtomicU64::new(1) }
    }

    /// A number for a request, given once.
    pub fn op(&self) -> u64 {
        self.ops.fetch_add(1, Ordering::Relaxed)
    }

    /// Writes a line.
    ///
    /// # Errors
    /// As the writer says.
    pub fn record(&self, event: &Event) -> io::Result<()> {
        let mut line = serde_json::to_vec(event)?;
        line.push(b'\n');
        self.to.lock().write_all(&line)
    }

    /// Gives the writer back.
    pub fn into_inner(self) -> W {
        self.to.into_inner()
    }
}

impl<W> std::fmt::Debug for Recorder<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recorder").field("ops", &self.ops).finish_non_exhaustive()
    }
}

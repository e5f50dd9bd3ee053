//! Recorder of histories.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use crate::Event;

/// Writer of events from many clients, in one order. `record` returns after the line is written, so a request that started
/// after another one completed also follows it in the history.
pub struct Recorder<W> {
    to: Mutex<W>,
    ops: AtomicU64,
}

impl<W: Write> Recorder<W> {
    /// Recorder that writes to `to`.
    pub fn new(to: W) -> Self {
        Self { to: Mutex::new(to), ops: AtomicU64::new(1) }
    }

    /// Unique number for a request.
    pub fn op(&self) -> u64 {
        self.ops.fetch_add(1, Ordering::Relaxed)
    }

    /// Writes an event as a line.
    ///
    /// # Errors
    /// The writer failed.
    pub fn record(&self, event: &Event) -> io::Result<()> {
        let mut line = serde_json::to_vec(event)?;
        line.push(b'\n');
        self.to.lock().write_all(&line)
    }

    /// Returns the writer.
    pub fn into_inner(self) -> W {
        self.to.into_inner()
    }
}

impl<W> std::fmt::Debug for Recorder<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recorder").field("ops", &self.ops).finish_non_exhaustive()
    }
}

//! Every timer and bound of a connection.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use less_sync_core::limits::{KIB, MIB, OUTBOUND_RECORD};

/// Sees every message of a connection as it is on the wire, the one with the access token excepted.
///
/// Called from the tasks that read and write, so it must be quick and must not block.
pub trait Tap: Send + Sync {
    /// A message came in.
    fn received(&self, message: &Bytes);

    /// A message is about to be written.
    fn sent(&self, message: &Bytes);
}

/// Every timer and bound of a connection.
#[derive(Clone)]
pub struct Options {
    /// From the first TCP packet to the answer of the upgrade.
    pub dial_timeout: Duration,
    /// How long a call waits for its answer, and a stream for its next chunk.
    pub call_timeout: Duration,
    /// Silence after which the server counts as gone; servers send something every 30 seconds.
    pub idle_timeout: Duration,
    /// How long to wait for the answer to our close.
    pub close_timeout: Duration,
    /// Largest message to accept, in bytes.
    pub max_message: usize,
    /// Read buffer, in bytes; kept for the life of the connection.
    pub read_buffer: usize,
    /// Events held for their reader; more are a gap.
    pub event_queue: Bound,
    /// Chunks of one stream held for its reader; then nothing more is read from the connection.
    pub chunk_queue: Bound,
    /// Messages held for the writer; then callers wait.
    pub send_queue: Bound,
    /// Somebody who wants to see every message.
    pub tap: Option<Arc<dyn Tap>>,
}

/// How much a queue holds; one item always fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bound {
    /// Items.
    pub items: usize,
    /// Sum of their sizes, in bytes.
    pub bytes: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            dial_timeout: Duration::from_secs(10),
            call_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(75),
            close_timeout: Duration::from_secs(1),
            max_message: OUTBOUND_RECORD + 64 * KIB,
            read_buffer: 32 * KIB,
            event_queue: Bound { items: 1024, bytes: 16 * MIB },
            chunk_queue: Bound { items: 256, bytes: 16 * MIB },
            send_queue: Bound { items: 64, bytes: 16 * MIB },
            tap: None,
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("dial_timeout", &self.dial_timeout)
            .field("call_timeout", &self.call_timeout)
            .field("idle_timeout", &self.idle_timeout)
            .finish_non_exhaustive()
    }
}

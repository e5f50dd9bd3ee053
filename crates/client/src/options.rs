//! Timers and limits of a connection.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use less_sync_core::limits::{KIB, MIB, OUTBOUND_RECORD};

/// Observer of all messages of a connection, except the one with the access token.
///
/// Methods are called from the reader and writer tasks, so they must not block.
pub trait Tap: Send + Sync {
    /// Called with each received message.
    fn received(&self, message: &Bytes);

    /// Called with each message before it is written.
    fn sent(&self, message: &Bytes);
}

/// Timers and limits of a connection.
#[derive(Clone)]
pub struct Options {
    /// Timeout from the DNS lookup to the response of the upgrade. Default: 10 s.
    pub dial_timeout: Duration,
    /// Timeout of a call for its response, and of a stream for its next chunk. Default: 30 s.
    pub call_timeout: Duration,
    /// Time without a message after which the connection is lost. Default: 75 s; servers send keepalives every 30 s.
    pub idle_timeout: Duration,
    /// Timeout for the server's close frame after the client's. Default: 1 s.
    pub close_timeout: Duration,
    /// Maximum size of a received message, in bytes. Default: the largest record plus 64 KiB.
    pub max_message: usize,
    /// Read buffer of the connection, in bytes. Default: 32 KiB.
    pub read_buffer: usize,
    /// Events queued for the reader; further ones are dropped and counted as a gap. Default: 1024 events, 16 MiB.
    pub event_queue: Bound,
    /// Chunks queued per stream; a full queue stops reading from the connection. Default: 256 chunks, 16 MiB.
    pub chunk_queue: Bound,
    /// Messages queued for the writer; a full queue delays callers. Default: 64 messages, 16 MiB.
    pub send_queue: Bound,
    /// Observer of all messages. Default: none.
    pub tap: Option<Arc<dyn Tap>>,
}

/// Capacity of a queue; a single item always fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bound {
    /// Maximum number of items.
    pub items: usize,
    /// Maximum sum of the item sizes, in bytes.
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

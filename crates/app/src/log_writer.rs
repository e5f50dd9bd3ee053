//! Log writer that never blocks: a bounded queue, and a thread that writes to standard error.
//!
//! A supervisor that stops reading would otherwise stop the server, since every thread logs. Lines beyond the queue are
//! dropped and counted; the count is logged once the thread can write again.

use std::io::{self, Stderr, Write};
use std::sync::{Arc, OnceLock};

use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};

/// Maximum lines in the queue.
const QUEUE: usize = 8192;

/// Writer of log lines to standard error, and the guard whose drop writes what is queued, within a second.
pub(crate) fn to_stderr() -> (NonBlocking, WorkerGuard) {
    let dropped = Arc::new(OnceLock::new());
    let target = Target { stderr: io::stderr(), dropped: dropped.clone(), reported: 0 };
    let (writer, guard) = NonBlockingBuilder::default()
        .lossy(true)
        .buffered_lines_limit(QUEUE)
        .thread_name("log writer")
        .finish(target);
    let _first = dropped.set(writer.error_counter());
    (writer, guard)
}

struct Target {
    stderr: Stderr,
    /// Number of lines that were dropped since the start.
    dropped: Arc<OnceLock<ErrorCounter>>,
    reported: usize,
}

impl Write for Target {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let written = self.stderr.write(line)?;
        let dropped = self.dropped.get().map_or(0, ErrorCounter::dropped_lines);
        if dropped > self.reported {
            self.reported = dropped;
            tracing::warn!(dropped, "log lines dropped: standard error is not read fast enough");
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stderr.flush()
    }
}

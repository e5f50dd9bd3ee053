//! Progress lines of long commands, on standard error.

use std::io::{self, IsTerminal as _, Write as _};

use parking_lot::Mutex;
use tokio::time::{Duration, Instant};

use super::arguments::ProgressArguments;
use less_sync_process::print_stderr;

/// Minimum time between two lines.
const INTERVAL: Duration = Duration::from_millis(250);

/// Printer of progress: overwrites one line on a terminal, prints lines elsewhere if asked to, and nothing otherwise.
#[derive(Debug)]
pub(super) struct Progress {
    mode: Mode,
    last: Mutex<Option<Instant>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Off,
    Terminal,
    Lines,
}

impl Progress {
    pub(super) fn new(arguments: ProgressArguments) -> Self {
        let mode = match (io::stderr().is_terminal(), arguments.progress) {
            (true, _) => Mode::Terminal,
            (false, true) => Mode::Lines,
            (false, false) => Mode::Off,
        };
        Self { mode, last: Mutex::new(None) }
    }

    /// Shows the state of the work, unless the line before is too recent.
    pub(super) fn show(&self, state: &str) {
        let now = Instant::now();
        let mut last = self.last.lock();
        if self.mode == Mode::Off || last.is_some_and(|last| now < last + INTERVAL) {
            return;
        }
        *last = Some(now);
        match self.mode {
            Mode::Off => {}
            Mode::Lines => print_stderr(state),
            Mode::Terminal => {
                // Erases the rest of the line before.
                let _unreportable = write!(io::stderr(), "\r{state}\x1b[K");
            }
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.mode == Mode::Terminal && self.last.lock().is_some() {
            let _unreportable = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

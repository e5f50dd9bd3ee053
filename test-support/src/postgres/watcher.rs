//! Watchdog process that ends a server after its users, even if they were killed.

use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};

/// Event that ends the server.
#[derive(Clone, Copy, Debug)]
pub(super) enum Until {
    /// End of this process or of the watcher's owner in it: the pipe between them closes.
    Dropped,
    /// End of the process with this id.
    Gone(u32),
}

/// A process may belong to another user, whom the shell may not signal; then there is still /proc.
const AWAIT_PROCESS: &str = "while kill -0 \"$0\" 2>/dev/null || [ -d \"/proc/$0\" ]; do sleep 1; done; ";

const AWAIT_PIPE: &str = "cat >/dev/null; ";

/// A shell that waits, and then cleans up.
#[derive(Debug)]
pub(super) struct Watcher(Child);

impl Watcher {
    /// Starts the shell; `clean_up` is a shell script with `arguments` as `$1`, `$2` and so on.
    pub(super) fn start(mut shell: Command, until: Until, clean_up: &str, arguments: &[&str]) -> Self {
        let (wait, pid, stdin) = match until {
            Until::Dropped => (AWAIT_PIPE, 0, Stdio::piped()),
            Until::Gone(pid) => (AWAIT_PROCESS, pid, Stdio::null()),
        };
        shell.arg("-c").arg(format!("{wait}{clean_up}")).arg(pid.to_string()).args(arguments);
        // In a process group of its own, so that what ends the tests from a terminal does not end it.
        shell.stdin(stdin).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        Self(shell.spawn().expect("a shell"))
    }
}

impl Drop for Watcher {
    /// Triggers the clean-up and waits for it.
    fn drop(&mut self) {
        if self.0.stdin.take().is_some() {
            drop(self.0.wait());
        }
    }
}

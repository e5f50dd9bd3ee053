//! Signals of the server process (operations §5).

use anyhow::Context as _;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Handlers of SIGTERM, SIGINT, SIGHUP and SIGUSR1.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
    user: Signal,
}

/// Action requested by a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// Shut down (SIGTERM, SIGINT); a second such signal exits at once.
    End {
        /// Exit code of an immediate exit: 143 or 130.
        exit_code: i32,
    },
    /// Reload the log filter (SIGHUP).
    Reload,
    /// Log the running tasks (SIGUSR1).
    Report,
}

impl Signals {
    /// Installs the handlers; from now on none of these signals ends the process by itself.
    ///
    /// # Errors
    /// A handler cannot be installed.
    pub(crate) fn listen() -> anyhow::Result<Self> {
        let listen = |kind| signal(kind).context("failed to install a signal handler");
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            hangup: listen(SignalKind::hangup())?,
            user: listen(SignalKind::user_defined1())?,
        })
    }

    /// Completes with SIGTERM or SIGINT.
    pub(crate) async fn end(&mut self) {
        while !matches!(self.next().await, Request::End { .. }) {}
    }

    pub(crate) async fn next(&mut self) -> Request {
        let end = |kind: SignalKind| Request::End { exit_code: 128 + kind.as_raw_value() };
        tokio::select! {
            _ = self.terminate.recv() => end(SignalKind::terminate()),
            _ = self.interrupt.recv() => end(SignalKind::interrupt()),
            _ = self.hangup.recv() => Request::Reload,
            _ = self.user.recv() => Request::Report,
        }
    }
}

//! What the operating system asks of a server (operations §5).

use anyhow::Context as _;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that are listened to.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
    user: Signal,
}

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// SIGTERM, SIGINT: end. With the exit code for one who does not want to wait.
    End {
        /// 143 or 130.
        exit_code: i32,
    },
    /// SIGHUP: read the log filter again.
    Reload,
    /// SIGUSR1: say what is running.
    Report,
}

impl Signals {
    /// Begins to listen; from now on none of these signals ends the process by itself.
    ///
    /// # Errors
    /// The system does not let us.
    pub(crate) fn listen() -> anyhow::Result<Self> {
        let listen = |kind| signal(kind).context("cannot listen for signals");
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            hangup: listen(SignalKind::hangup())?,
            user: listen(SignalKind::user_defined1())?,
        })
    }

    /// Completes when the end is asked for.
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

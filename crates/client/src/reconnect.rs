//! Session: a connection that is kept open across interruptions.

mod follow;
mod plan;
mod run;
mod update;

use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::connection::Connection;
use crate::token::TokenProvider;
use run::Run;

pub use plan::{Connect, SpacePlan};
pub use update::{Interruption, Update};

/// Updates queued for the reader. A full queue stops the session from reading, which propagates backpressure to the server.
const UPDATES: usize = 64;

/// Device that stays connected until it is dropped, or rejected permanently by the server.
///
/// Back-off is 1, 2, 4 … 30 seconds with jitter; it restarts only after a connection that lived for 5 seconds. Close codes
/// 4000 and 4002 are final. Every dial requests a token, subscribes, and pulls followed spaces from their cursors.
#[derive(Debug)]
pub struct Session {
    updates: mpsc::Receiver<Update>,
    current: watch::Receiver<Option<Connection>>,
    task: JoinHandle<()>,
}

impl Session {
    /// Starts the session; must be called within a tokio runtime.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the session owns its task and aborts it")]
    pub fn start(connect: Arc<dyn Connect>, tokens: Arc<dyn TokenProvider>, plan: &[SpacePlan]) -> Self {
        let (updates_sender, updates) = mpsc::channel(UPDATES);
        let (current_sender, current) = watch::channel(None);
        let run = Run::new(connect, tokens, plan, updates_sender, current_sender);
        Self { updates, current, task: tokio::spawn(run.run()) }
    }

    /// Next update; `None` when the session is over. Cancel-safe.
    pub async fn next(&mut self) -> Option<Update> {
        self.updates.recv().await
    }

    /// Current connection, for pushes and calls; it may end at any time.
    ///
    /// Do not await a call between two updates: if the queue of updates is full in the middle of a pull, the response is
    /// stuck behind it. Call from another task, or take updates meanwhile.
    #[must_use]
    pub fn connection(&self) -> Option<Connection> {
        self.current.borrow().clone()
    }

    /// Closes the connection and ends the session.
    pub async fn close(self) {
        let connection = self.connection();
        self.task.abort();
        if let Some(connection) = connection {
            connection.close().await;
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.task.abort();
    }
}

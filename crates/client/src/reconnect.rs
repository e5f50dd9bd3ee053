//! A device that stays in sync across interruptions.

mod follow;
mod run;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use less_sync_core::SpaceId;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::connection::{Auth, Connection};
use crate::dial::Dialer;
use crate::error::{CallError, Code, DialError, Ended, PullError};
use crate::event::{Event, Events};
use crate::pull::PullItem;
use crate::subscribe::{Watch, WatchedSpace};
use crate::token::{AccessToken, TokenProvider, TokenUnavailable};
use run::Run;

/// Updates held for their reader; then the session waits, and the server with it.
const UPDATES: usize = 64;

/// Something that opens connections: a [`Dialer`], or what a test puts in its place.
#[async_trait]
pub trait Connect: Send + Sync {
    /// Opens a connection that authenticates with this token.
    ///
    /// # Errors
    /// See [`DialError`].
    async fn connect(&self, token: AccessToken) -> Result<(Connection, Events), DialError>;
}

#[async_trait]
impl Connect for Dialer {
    async fn connect(&self, token: AccessToken) -> Result<(Connection, Events), DialError> {
        self.dial(Auth::Token(token)).await
    }
}

/// A space that a session watches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpacePlan {
    /// Which, with what right, and from which cursor on.
    pub watch: Watch,
    /// Whether to pull what happened in between, and to hand out live events in order and without gaps;
    /// otherwise events pass as they come.
    pub follow: bool,
}

/// What a session has to say.
#[derive(Debug)]
pub enum Update {
    /// A connection is open and its spaces are being watched.
    Connected,
    /// A space is watched.
    Watching(WatchedSpace),
    /// The server does not let this space be watched.
    Rejected {
        /// Which.
        space: SpaceId,
        /// Why.
        code: Code,
    },
    /// The server passed over this space when it was pulled; it is pulled again with the next gap or connection.
    Skipped {
        /// Which.
        space: SpaceId,
    },
    /// A part of a pull. Rows count from their [`PullItem::Commit`] on; without one they come again.
    Pulled(PullItem),
    /// A notification. In followed spaces: the next one; what was missing in between has been pulled before.
    /// Files and membership may be told twice.
    Event(Event),
    /// The connection is gone, or could not be opened.
    Interrupted {
        /// Why.
        cause: Interruption,
        /// When the next attempt is made; `None` when there will be none and the session is over.
        retry_in: Option<Duration>,
    },
}

/// What keeps a session from being connected.
#[derive(Debug, thiserror::Error)]
pub enum Interruption {
    /// No token.
    #[error(transparent)]
    Token(#[from] TokenUnavailable),
    /// No connection.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// The connection ended.
    #[error(transparent)]
    Ended(#[from] Ended),
    /// The server did not answer as it should.
    #[error("a call failed")]
    Call(#[source] CallError),
    /// A pull was not whole.
    #[error("a pull failed")]
    Pull(#[source] PullError),
}

impl Interruption {
    /// Whether trying again is pointless without the user.
    #[must_use]
    pub fn is_final(&self) -> bool {
        match self {
            Self::Token(TokenUnavailable::SignedOut) => true,
            Self::Ended(ended) => ended.is_final(),
            Self::Token(TokenUnavailable::Later(_)) | Self::Dial(_) | Self::Call(_) | Self::Pull(_) => false,
        }
    }
}

impl From<CallError> for Interruption {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Ended(ended) => Self::Ended(ended),
            CallError::Failed { .. } | CallError::Timeout | CallError::Undecodable => Self::Call(error),
        }
    }
}

impl From<PullError> for Interruption {
    fn from(error: PullError) -> Self {
        match error {
            PullError::Call(error) => error.into(),
            other @ (PullError::Undecodable(_)
            | PullError::OutOfPlace(_)
            | PullError::BegunTwice
            | PullError::OtherCommit
            | PullError::RowCount { .. }
            | PullError::ChunkCount { .. }
            | PullError::NoCommit) => Self::Pull(other),
        }
    }
}

/// Stays connected until it is dropped, or told by the server never to come back.
///
/// It dials again after 1, 2, 4 … 30 seconds with jitter, starting over only after a connection that lived
/// for 5 seconds, and never after the close codes 4000 and 4002. It asks for a token before every dial,
/// subscribes again, and pulls followed spaces from the cursor it stands at.
#[derive(Debug)]
pub struct Session {
    updates: mpsc::Receiver<Update>,
    current: watch::Receiver<Option<Connection>>,
    task: JoinHandle<()>,
}

impl Session {
    /// Starts; must be called within a tokio runtime.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the session owns its task and aborts it")]
    pub fn start(connect: Arc<dyn Connect>, tokens: Arc<dyn TokenProvider>, plan: &[SpacePlan]) -> Self {
        let (updates_sender, updates) = mpsc::channel(UPDATES);
        let (current_sender, current) = watch::channel(None);
        let run = Run::new(connect, tokens, plan, updates_sender, current_sender);
        Self { updates, current, task: tokio::spawn(run.run()) }
    }

    /// The next update; `None` when the session is over. Safe to cancel.
    pub async fn next(&mut self) -> Option<Update> {
        self.updates.recv().await
    }

    /// The connection of the moment, to push and call through; it may end at any time.
    ///
    /// Call through it from another task than the one that takes the updates, or take updates while waiting:
    /// a session whose updates nobody takes stops reading in the middle of a pull, and answers with it.
    #[must_use]
    pub fn connection(&self) -> Option<Connection> {
        self.current.borrow().clone()
    }

    /// Says goodbye to the server and ends.
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

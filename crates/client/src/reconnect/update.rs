//! Outputs of a session: updates, and causes of interruptions.

use std::time::Duration;

use less_sync_core::SpaceId;

use crate::error::{CallError, Code, DialError, Ended, PullError};
use crate::event::Event;
use crate::pull::PullItem;
use crate::subscribe::WatchedSpace;
use crate::token::TokenUnavailable;

/// Update of a session.
#[derive(Debug)]
pub enum Update {
    /// A connection is open and subscribed.
    Connected,
    /// A space is watched.
    Watching(WatchedSpace),
    /// The server rejected the subscription to a space.
    Rejected {
        /// Id of the space.
        space: SpaceId,
        /// Error code of the rejection.
        code: Code,
    },
    /// The server skipped a space in a pull; the next gap or connection pulls it again.
    Skipped {
        /// Id of the space.
        space: SpaceId,
    },
    /// Item of a pull. Rows are final with their [`PullItem::Commit`]; without one they are sent again.
    Pulled(PullItem),
    /// Notification. In followed spaces events are in order, and missed changes are pulled before. Files and membership
    /// entries may be delivered twice.
    Event(Event),
    /// The connection ended, or could not be opened.
    Interrupted {
        /// Cause of the interruption.
        cause: Interruption,
        /// Delay of the next attempt; `None` when the session is over.
        retry_in: Option<Duration>,
    },
}

/// Cause of a missing or ended connection.
#[derive(Debug, thiserror::Error)]
pub enum Interruption {
    /// No access token.
    #[error(transparent)]
    Token(#[from] TokenUnavailable),
    /// Dialling failed.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// The connection ended.
    #[error(transparent)]
    Ended(#[from] Ended),
    /// A call of the session failed.
    #[error("a call failed")]
    Call(#[source] CallError),
    /// A pull was incomplete or inconsistent.
    #[error("a pull failed")]
    Pull(#[source] PullError),
}

impl Interruption {
    /// Returns whether retries are pointless without the user.
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

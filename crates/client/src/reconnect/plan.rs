//! Inputs of a session: the dialer, and the spaces to watch.

use async_trait::async_trait;

use crate::connection::{Auth, Connection};
use crate::dial::Dialer;
use crate::error::DialError;
use crate::event::Events;
use crate::subscribe::Watch;
use crate::token::AccessToken;

/// Source of connections: a [`Dialer`], or a substitute in tests.
#[async_trait]
pub trait Connect: Send + Sync {
    /// Opens a connection that authenticates with `token`.
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

/// Space that a session watches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpacePlan {
    /// Subscription: space, credentials, and the cursor of the device.
    pub watch: Watch,
    /// True to pull missed changes and deliver live events in order without gaps; otherwise events are delivered as
    /// received.
    pub follow: bool,
}

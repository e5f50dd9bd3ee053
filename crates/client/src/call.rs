//! A request and its one answer.

use bytes::Bytes;
use less_sync_core::cbor::{Decode, Encode};
use less_sync_core::frame;
use less_sync_core::wire::method;
use less_sync_core::wire::presence::{EventSendParams, PresenceClearParams, PresenceSetParams};
use less_sync_core::wire::space::{SpaceCreateParams, SpaceCreateResult};
use less_sync_core::wire::token::{TokenRefreshParams, TokenRefreshResult};
use less_sync_core::{Epoch, SpaceId};
use tokio::sync::oneshot;

use crate::connection::Connection;
use crate::error::{CallError, Ended};
use crate::pending::Waiter;
use crate::token::AccessToken;

/// The result of a call, not decoded yet.
#[derive(Clone, Debug)]
pub struct Answer(Option<Bytes>);

impl Answer {
    pub(crate) fn new(result: Option<Bytes>) -> Self {
        Self(result)
    }

    /// Reads the result, borrowing from it.
    ///
    /// # Errors
    /// It does not fit `T`.
    pub fn decode<'a, T: Decode<'a>>(&'a self) -> Result<T, CallError> {
        let item = self.0.as_deref().ok_or(CallError::Undecodable)?;
        T::decode(item).map_err(|_| CallError::Undecodable)
    }

    /// The slice of the message that `part`, decoded from this answer, is.
    pub(crate) fn slice(&self, part: &[u8]) -> Bytes {
        self.0.as_ref().map_or_else(Bytes::new, |item| item.slice_ref(part))
    }
}

impl Connection {
    /// Calls `method` and waits for its answer. Chunks before it are passed over; see [`Connection::stream`].
    ///
    /// Cancelled, the call may still take effect.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn call(&self, method: &str, params: &impl Encode) -> Result<Answer, CallError> {
        let (waiter, answer) = oneshot::channel();
        let ticket = self.pending().register(Waiter::Answer(waiter)).map_err(CallError::Ended)?;
        let exchange = async {
            self.send(frame::request(&ticket.id(), method, params)).await.map_err(CallError::Ended)?;
            match answer.await {
                Ok(reply) => Ok(Answer::new(reply?)),
                Err(_) => Err(CallError::Ended(self.pending().why())),
            }
        };
        tokio::time::timeout(self.options().call_timeout, exchange).await.map_err(|_| CallError::Timeout)?
    }

    /// Sends a notification. There is no answer, and no way to know whether it took effect.
    ///
    /// # Errors
    /// The connection is over.
    pub async fn notify(&self, method: &str, params: &impl Encode) -> Result<(), Ended> {
        match self.ended() {
            Some(ended) => Err(ended),
            None => self.send(frame::notification(method, params)).await,
        }
    }

    /// Replaces the access token; the inner error is the server's reason to keep the old one.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn refresh_token(&self, token: &AccessToken) -> Result<Result<(), String>, CallError> {
        let params = TokenRefreshParams { token: token.expose() };
        let answer = self.call(method::TOKEN_REFRESH, &params).await?;
        let result: TokenRefreshResult<'_> = answer.decode()?;
        Ok(if result.ok { Ok(()) } else { Err(result.error.unwrap_or_default().to_owned()) })
    }

    /// Creates a shared space with this root key, a compressed point on P-256.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn create_space(&self, space: SpaceId, root_public_key: &[u8]) -> Result<Epoch, CallError> {
        let id = space.to_string();
        let params = SpaceCreateParams { id: &id, root_public_key };
        let answer = self.call(method::SPACE_CREATE, &params).await?;
        Ok(answer.decode::<SpaceCreateResult<'_>>()?.key_generation)
    }

    /// Tells the other watchers of a space something about this connection, until it is said anew, cleared,
    /// or not repeated for 45 seconds.
    ///
    /// # Errors
    /// The connection is over.
    pub async fn set_presence(&self, space: SpaceId, data: &[u8]) -> Result<(), Ended> {
        self.notify(method::PRESENCE_SET, &PresenceSetParams { space: &space.to_string(), data }).await
    }

    /// Takes it back.
    ///
    /// # Errors
    /// The connection is over.
    pub async fn clear_presence(&self, space: SpaceId) -> Result<(), Ended> {
        self.notify(method::PRESENCE_CLEAR, &PresenceClearParams { space: &space.to_string() }).await
    }

    /// Tells the other watchers of a space something once.
    ///
    /// # Errors
    /// The connection is over.
    pub async fn send_event(&self, space: SpaceId, data: &[u8]) -> Result<(), Ended> {
        self.notify(method::EVENT_SEND, &EventSendParams { space: &space.to_string(), data }).await
    }
}

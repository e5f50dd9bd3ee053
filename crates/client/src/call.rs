//! Calls: requests with a single response, and notifications.

use bytes::Bytes;
use less_sync_core::cbor::{Decode, Encode};
use less_sync_core::frame;
use less_sync_core::wire::method;
use less_sync_core::wire::presence::{EventSendParams, PresenceClearParams, PresenceSetParams};
use less_sync_core::wire::space::{SpaceCreateParams, SpaceCreateResult};
use less_sync_core::wire::token::{TokenRefreshParams, TokenRefreshResult};
use less_sync_core::{Epoch, SpaceId};
use tokio::sync::oneshot;

use crate::calls::Pending;
use crate::connection::Connection;
use crate::error::{CallError, Ended};
use crate::token::AccessToken;

/// Undecoded result of a call.
#[derive(Clone, Debug)]
pub struct Response(Option<Bytes>);

impl Response {
    pub(crate) fn new(result: Option<Bytes>) -> Self {
        Self(result)
    }

    /// Decodes the result, borrowing from it.
    ///
    /// # Errors
    /// [`CallError::Undecodable`].
    pub fn decode<'a, T: Decode<'a>>(&'a self) -> Result<T, CallError> {
        let item = self.0.as_deref().ok_or(CallError::Undecodable)?;
        T::decode(item).map_err(|_| CallError::Undecodable)
    }

    /// Shared slice of the message for `part`, which must be decoded from this response.
    pub(crate) fn slice(&self, part: &[u8]) -> Bytes {
        self.0.as_ref().map_or_else(Bytes::new, |item| item.slice_ref(part))
    }
}

impl Connection {
    /// Calls `method` and waits for its response. Chunks are ignored; see [`Connection::stream`].
    ///
    /// A cancelled call may still take effect.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn call(&self, method: &str, params: &impl Encode) -> Result<Response, CallError> {
        let (sender, receiver) = oneshot::channel();
        let request = self.calls().register(Pending::Response(sender)).map_err(CallError::Ended)?;
        let exchange = async {
            self.send(frame::request(&request.id(), method, params)).await.map_err(CallError::Ended)?;
            match receiver.await {
                Ok(response) => Ok(Response::new(response?)),
                Err(_) => Err(CallError::Ended(self.calls().cause())),
            }
        };
        tokio::time::timeout(self.options().call_timeout, exchange).await.map_err(|_| CallError::Timeout)?
    }

    /// Sends a notification, which has no response: its outcome is unknown.
    ///
    /// # Errors
    /// The connection has ended.
    pub async fn notify(&self, method: &str, params: &impl Encode) -> Result<(), Ended> {
        match self.ended() {
            Some(ended) => Err(ended),
            None => self.send(frame::notification(method, params)).await,
        }
    }

    /// Replaces the access token; the inner error is the reason of a rejection, after which the old token stays.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn refresh_token(&self, token: &AccessToken) -> Result<Result<(), String>, CallError> {
        let params = TokenRefreshParams { token: token.expose() };
        let response = self.call(method::TOKEN_REFRESH, &params).await?;
        let result: TokenRefreshResult<'_> = response.decode()?;
        Ok(if result.ok { Ok(()) } else { Err(result.error.unwrap_or_default().to_owned()) })
    }

    /// Creates a shared space with this root key, a compressed P-256 point; returns its key generation.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn create_space(&self, space: SpaceId, root_public_key: &[u8]) -> Result<Epoch, CallError> {
        let id = space.to_string();
        let params = SpaceCreateParams { id: &id, root_public_key };
        let response = self.call(method::SPACE_CREATE, &params).await?;
        Ok(response.decode::<SpaceCreateResult<'_>>()?.key_generation)
    }

    /// Sets the presence of this connection in a space. It expires after 45 seconds without another call.
    ///
    /// # Errors
    /// The connection has ended.
    pub async fn set_presence(&self, space: SpaceId, data: &[u8]) -> Result<(), Ended> {
        self.notify(method::PRESENCE_SET, &PresenceSetParams { space: &space.to_string(), data }).await
    }

    /// Clears the presence of this connection in a space.
    ///
    /// # Errors
    /// The connection has ended.
    pub async fn clear_presence(&self, space: SpaceId) -> Result<(), Ended> {
        self.notify(method::PRESENCE_CLEAR, &PresenceClearParams { space: &space.to_string() }).await
    }

    /// Sends an ephemeral event to the other watchers of a space.
    ///
    /// # Errors
    /// The connection has ended.
    pub async fn send_event(&self, space: SpaceId, data: &[u8]) -> Result<(), Ended> {
        self.notify(method::EVENT_SEND, &EventSendParams { space: &space.to_string(), data }).await
    }
}

//! Port to HTTP requests with streamed bodies.

use async_trait::async_trait;
use http::{HeaderMap, Method, StatusCode};
use less_sync_engine::RelayedBody;
use url::Url;

/// Request to a peer.
pub struct TransferRequest {
    /// Method.
    pub method: Method,
    /// URL.
    pub url: Url,
    /// Headers except `Host`, those of the length of the body included.
    pub headers: HeaderMap,
    /// Body of an upload.
    pub body: Option<RelayedBody>,
    /// True for an address that no operator has named: it must be public.
    pub is_guarded: bool,
}

/// Response of a peer.
pub struct TransferResponse {
    /// Status.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// Body; ends with an error unless all of it was received.
    pub body: RelayedBody,
}

/// Request without a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no response of the peer")]
pub struct NoResponse;

/// Sender of requests. Follows no redirects, and adds no credentials.
#[async_trait]
pub trait Transfers: Send + Sync {
    /// Sends a request, and waits for the head of its response.
    ///
    /// # Errors
    /// [`NoResponse`].
    async fn send(&self, request: TransferRequest) -> Result<TransferResponse, NoResponse>;
}

impl std::fmt::Debug for TransferRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TransferRequest").field("method", &self.method).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for TransferResponse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TransferResponse").field("status", &self.status).finish_non_exhaustive()
    }
}

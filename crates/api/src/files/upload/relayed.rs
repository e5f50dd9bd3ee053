//! Body of an upload on its way to another server: read at the pace of that server, and of the client.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use axum::body::{Body, BodyDataStream};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::{HeaderValue, header};
use less_sync_engine::files::{FileSettings, TransferRate};
use less_sync_engine::{BrokenBody, RelayedBody};

use super::pace::next;
use crate::body_drain;
use crate::error::ApiError;
use crate::state::ApiState;

/// State of a body.
const UNREAD: u8 = 0;
const READ: u8 = 1;
const TOO_SLOW: u8 = 2;
const BROKEN: u8 = 3;

/// Outcome of the body of a relayed upload.
pub(super) struct RelayedUpload(Arc<AtomicU8>);

/// Body that is being read.
struct Reading {
    state: ApiState,
    limits: FileSettings,
    rate: TransferRate,
    outcome: Arc<AtomicU8>,
    /// `None` after its end.
    chunks: Option<BodyDataStream>,
}

impl RelayedUpload {
    /// The body as a stream, and its outcome.
    pub(super) fn new(state: &ApiState, limits: FileSettings, body: Body) -> (RelayedBody, Self) {
        let outcome = Arc::new(AtomicU8::new(UNREAD));
        let reading = Reading {
            state: state.clone(),
            limits,
            rate: TransferRate::at_least(limits.min_rate),
            outcome: outcome.clone(),
            chunks: Some(body.into_data_stream()),
        };
        let body = stream::unfold(reading, |mut reading| async move {
            let chunk = reading.next().await?;
            Some((chunk, reading))
        });
        (body.boxed(), Self(outcome))
    }

    /// Replaces the response if the client has ended the body or was too slow, and closes the connection unless the body was
    /// read to its end.
    pub(super) fn conclude(self, response: &mut Response) {
        match self.0.load(Ordering::Acquire) {
            READ => return,
            TOO_SLOW => *response = ApiError::REQUEST_TIMEOUT.into_response(),
            BROKEN => {
                let text = "Content-Length does not match request body length";
                *response = ApiError::bad_request(text).into_response();
            }
            _ => {}
        }
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
}

impl Reading {
    /// The next bytes; `None` after the end or an error.
    async fn next(&mut self) -> Option<Result<Bytes, BrokenBody>> {
        let chunks = self.chunks.as_mut()?;
        let next = next(&*self.state.0.clock, chunks, self.limits.idle_timeout, &mut self.rate).await;
        let outcome = match next {
            Some(Some(Ok(chunk))) => return Some(Ok(chunk)),
            Some(None) => READ,
            Some(Some(Err(_))) => BROKEN,
            None => TOO_SLOW,
        };
        self.outcome.store(outcome, Ordering::Release);
        self.chunks = None;
        (outcome != READ).then_some(Err(BrokenBody))
    }
}

impl Drop for Reading {
    /// The other server has responded before the end of the body: the client is to get the response all the same.
    fn drop(&mut self) {
        if let Some(chunks) = self.chunks.take() {
            body_drain::linger(&self.state, chunks);
        }
    }
}

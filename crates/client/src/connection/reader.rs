//! Reader task of a connection: dispatches responses, chunks and notifications.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use less_sync_core::frame::{self, Raw, RpcError, ServerFrame};
use tokio::sync::Notify;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error as WsError, Message};

use crate::calls::{Calls, ErrorResponse, Pending, RawResponse, StreamItem};
use crate::error::{Code, Ended};
use crate::event::{QueuedEvent, mark_gap};
use crate::options::Tap;
use crate::queue::Producer;

pub(super) struct Reader {
    pub(super) calls: Arc<Calls>,
    pub(super) events: Producer<QueuedEvent>,
    pub(super) close: Arc<Notify>,
    pub(super) tap: Option<Arc<dyn Tap>>,
    pub(super) idle_timeout: Duration,
    pub(super) close_timeout: Duration,
}

/// Code of a close frame without a status code (RFC 6455 §7.1.5).
const NO_STATUS: u16 = 1005;

impl Reader {
    pub(super) async fn run(self, mut source: impl Stream<Item = Result<Message, WsError>> + Unpin) {
        let ended = tokio::select! {
            ended = self.read(&mut source) => ended,
            ended = self.calls.until_ended() => ended,
        };
        let was_closed = matches!(ended, Ended::Closed { .. });
        self.calls.end(ended);
        self.close.notify_one();
        drop(self.events);
        if was_closed {
            // tungstenite writes the echo of the close frame while it reads, so reading continues until the socket closes.
            let rest = async { while source.next().await.is_some() {} };
            let _ = tokio::time::timeout(self.close_timeout, rest).await;
        }
    }

    async fn read(&self, source: &mut (impl Stream<Item = Result<Message, WsError>> + Unpin)) -> Ended {
        loop {
            let message = match tokio::time::timeout(self.idle_timeout, source.next()).await {
                Ok(Some(Ok(message))) => message,
                Ok(Some(Err(error))) => return lost(error),
                Ok(None) => return Ended::Lost(None),
                Err(_) => return Ended::Silent,
            };
            match message {
                Message::Binary(message) => {
                    if self.dispatch(&message).await.is_err() {
                        return Ended::Unreadable;
                    }
                }
                Message::Text(_) => return Ended::Unreadable,
                Message::Close(close) => return closed(close),
                Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
            }
        }
    }

    /// Dispatches a message. A stream with a full queue blocks all reading: that bounds the memory of a slow reader.
    async fn dispatch(&self, message: &Bytes) -> Result<(), Unreadable> {
        if let Some(tap) = &self.tap {
            tap.received(message);
        }
        match frame::parse_server(message).map_err(|_| Unreadable)? {
            ServerFrame::Keepalive | ServerFrame::Ignored => {}
            ServerFrame::Response { id, outcome } => self.respond(id, raw_response(message, outcome)).await,
            ServerFrame::Chunk { id, name, data } => {
                if let Some(stream) = self.calls.stream(id) {
                    let chunk = StreamItem::Chunk {
                        name: message.slice_ref(name.as_bytes()),
                        data: slice(message, data),
                    };
                    // Fails after the stream was dropped; the remaining chunks are discarded.
                    let _ = stream.push(chunk, message.len()).await;
                }
            }
            ServerFrame::Notification { method, params } => {
                let event = QueuedEvent::Notification {
                    method: message.slice_ref(method.as_bytes()),
                    params: slice(message, params),
                };
                // A full queue records the gap as `Event::Lagged`.
                let _ = self.events.offer(event, message.len(), mark_gap);
            }
        }
        Ok(())
    }

    async fn respond(&self, id: &str, response: RawResponse) {
        match self.calls.take(id) {
            Some(Pending::Response(sender)) => {
                // Fails for a cancelled call.
                let _ = sender.send(response);
            }
            Some(Pending::Stream(stream)) => {
                let _ = stream.push(StreamItem::End(response), 0).await;
            }
            None => tracing::debug!("discarded a response without a pending call"),
        }
    }
}

struct Unreadable;

fn slice(message: &Bytes, raw: Raw<'_>) -> Option<Bytes> {
    raw.raw().map(|item| message.slice_ref(item))
}

fn raw_response(message: &Bytes, outcome: Result<Raw<'_>, RpcError<'_>>) -> RawResponse {
    outcome
        .map(|result| slice(message, result))
        .map_err(|error| ErrorResponse { code: Code::from(error.code), message: error.message.to_owned() })
}

fn closed(close: Option<CloseFrame>) -> Ended {
    close.map_or(Ended::Closed { code: NO_STATUS, reason: String::new() }, |close| Ended::Closed {
        code: close.code.into(),
        reason: close.reason.as_str().to_owned(),
    })
}

fn lost(error: WsError) -> Ended {
    match error {
        WsError::ConnectionClosed
        | WsError::AlreadyClosed
        | WsError::Protocol(ProtocolError::ResetWithoutClosingHandshake) => Ended::Lost(None),
        WsError::Io(_) | WsError::Tls(_) => Ended::Lost(Some(Arc::new(error))),
        WsError::Capacity(_)
        | WsError::Protocol(_)
        | WsError::Utf8(_)
        | WsError::WriteBufferFull(_)
        | WsError::AttackAttempt
        | WsError::Url(_)
        | WsError::Http(_)
        | WsError::HttpFormat(_) => {
            tracing::debug!(error = %less_sync_core::ErrorChain(&error), "failed to read a WebSocket message");
            Ended::Unreadable
        }
    }
}

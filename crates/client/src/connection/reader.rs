//! The task that reads.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use less_sync_core::frame::{self, Raw, RpcError, ServerFrame};
use tokio::sync::Notify;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error as WsError, Message};

use crate::error::{Code, Ended};
use crate::event::{Heard, mark_gap};
use crate::options::Tap;
use crate::pending::{Failure, Pending, Reply, StreamItem, Waiter};
use crate::queue::Producer;

pub(super) struct Reader {
    pub(super) pending: Arc<Pending>,
    pub(super) events: Producer<Heard>,
    pub(super) close: Arc<Notify>,
    pub(super) tap: Option<Arc<dyn Tap>>,
    pub(super) idle_timeout: Duration,
    pub(super) close_timeout: Duration,
}

/// RFC 6455 §7.1.5: the code of a close frame without one.
const NO_STATUS: u16 = 1005;

impl Reader {
    pub(super) async fn run(self, mut source: impl Stream<Item = Result<Message, WsError>> + Unpin) {
        let ended = tokio::select! {
            ended = self.read(&mut source) => ended,
            ended = self.pending.until_ended() => ended,
        };
        let was_closed = matches!(ended, Ended::Closed { .. });
        self.pending.end(ended);
        self.close.notify_one();
        drop(self.events);
        if was_closed {
            // Reading on is what writes the echo of the close.
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

    /// Hands a message to whom it concerns. A stream with a full queue makes everybody wait: that is what
    /// bounds the memory of a slow reader.
    async fn dispatch(&self, message: &Bytes) -> Result<(), Unreadable> {
        if let Some(tap) = &self.tap {
            tap.received(message);
        }
        match frame::parse_server(message).map_err(|_| Unreadable)? {
            ServerFrame::Keepalive | ServerFrame::Ignored => {}
            ServerFrame::Response { id, outcome } => self.answer(id, reply(message, outcome)).await,
            ServerFrame::Chunk { id, name, data } => {
                if let Some(stream) = self.pending.stream(id) {
                    let chunk = StreamItem::Chunk {
                        name: message.slice_ref(name.as_bytes()),
                        data: slice(message, data),
                    };
                    // Nobody listens any more: the rest of the stream passes by.
                    let _ = stream.push(chunk, message.len()).await;
                }
            }
            ServerFrame::Notification { method, params } => {
                let heard = Heard::Notification {
                    method: message.slice_ref(method.as_bytes()),
                    params: slice(message, params),
                };
                // A full queue remembers the gap by itself.
                let _ = self.events.offer(heard, message.len(), mark_gap);
            }
        }
        Ok(())
    }

    async fn answer(&self, id: &str, reply: Reply) {
        match self.pending.take(id) {
            Some(Waiter::Answer(waiter)) => {
                // Whoever asked may have given up.
                let _ = waiter.send(reply);
            }
            Some(Waiter::Stream(stream)) => {
                let _ = stream.push(StreamItem::End(reply), 0).await;
            }
            None => tracing::debug!("an answer that nobody waits for"),
        }
    }
}

struct Unreadable;

fn slice(message: &Bytes, raw: Raw<'_>) -> Option<Bytes> {
    raw.raw().map(|item| message.slice_ref(item))
}

fn reply(message: &Bytes, outcome: Result<Raw<'_>, RpcError<'_>>) -> Reply {
    outcome
        .map(|result| slice(message, result))
        .map_err(|error| Failure { code: Code::from(error.code), message: error.message.to_owned() })
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
            tracing::debug!(error = %less_sync_core::ErrorChain(&error), "unreadable message");
            Ended::Unreadable
        }
    }
}

//! Authenticated connection, with a reader and a writer task.

mod reader;
mod writer;

use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt as _;
use less_sync_core::frame;
use less_sync_core::wire::method;
use less_sync_core::wire::token::AuthParams;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use crate::calls::Calls;
use crate::error::Ended;
use crate::event::Events;
use crate::options::Options;
use crate::queue::{Producer, queue};
use crate::token::AccessToken;
use reader::Reader;
use writer::Writer;

/// Authentication of a connection.
#[derive(Clone, Debug)]
pub enum Auth {
    /// Access token in the first message (protocol §1.4).
    Token(AccessToken),
    /// Access token with a proof of the key of its DID, which [`Dialer`](crate::Dialer) makes for a server with a challenge
    /// (auth §2.7).
    Proven {
        /// Access token.
        token: AccessToken,
        /// Signature over the challenge and the token.
        did_proof: [u8; 64],
    },
    /// Authentication by the upgrade request, as between servers.
    AtDial,
}

/// Handle of a connection; cheap to clone. The connection ends when it is closed or lost, and without a close frame when
/// the last handle and all its streams are dropped.
///
/// The server does not acknowledge the token: a rejected one ends the connection with [`Ended::Closed`] and code 4000, as
/// the first call reports.
#[derive(Clone, Debug)]
pub struct Connection {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    calls: Arc<Calls>,
    outgoing: Producer<Bytes>,
    close: Arc<Notify>,
    options: Options,
    tasks: [JoinHandle<()>; 2],
}

impl Drop for Inner {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl Connection {
    /// Creates a connection over an upgraded socket of any kind; must be called within a tokio runtime, which runs its two
    /// tasks.
    pub fn over<S>(socket: WebSocketStream<S>, auth: Auth, options: Options) -> (Self, Events)
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let (sink, source) = socket.split();
        let (outgoing, queued) = queue(options.send_queue);
        let (events, event_source) = queue(options.event_queue);
        let calls = Arc::new(Calls::default());
        let close = Arc::new(Notify::new());
        let writer = Writer {
            first: first_message(auth),
            queued,
            close: Arc::clone(&close),
            calls: Arc::clone(&calls),
            tap: options.tap.clone(),
            close_timeout: options.close_timeout,
        };
        let reader = Reader {
            calls: Arc::clone(&calls),
            events,
            close: Arc::clone(&close),
            tap: options.tap.clone(),
            idle_timeout: options.idle_timeout,
            close_timeout: options.close_timeout,
        };
        let tasks = [start(writer.run(sink)), start(reader.run(source))];
        let inner = Inner { calls, outgoing, close, options, tasks };
        (Self { inner: Arc::new(inner) }, Events::new(event_source))
    }

    /// Cause of the end; `None` while the connection is open.
    #[must_use]
    pub fn ended(&self) -> Option<Ended> {
        self.inner.calls.ended()
    }

    /// Waits for the end of the connection. Cancel-safe.
    pub async fn until_ended(&self) -> Ended {
        self.inner.calls.until_ended().await
    }

    /// Sends a close frame, waits for the server's close up to [`Options::close_timeout`], and ends the connection for all
    /// handles.
    pub async fn close(&self) {
        self.inner.close.notify_one();
        let _ = tokio::time::timeout(self.inner.options.close_timeout, self.until_ended()).await;
        self.inner.calls.end(Ended::ByUs);
        for task in &self.inner.tasks {
            task.abort();
        }
    }

    /// Queues a message for the writer, with backpressure.
    pub(crate) async fn send(&self, message: Bytes) -> Result<(), Ended> {
        let size = message.len();
        self.inner.outgoing.push(message, size).await.map_err(|_| self.inner.calls.cause())
    }

    pub(crate) fn calls(&self) -> &Arc<Calls> {
        &self.inner.calls
    }

    pub(crate) fn options(&self) -> &Options {
        &self.inner.options
    }
}

fn first_message(auth: Auth) -> Option<Message> {
    match auth {
        Auth::Token(token) => Some(auth_message(&token, None)),
        Auth::Proven { token, did_proof } => Some(auth_message(&token, Some(&did_proof))),
        Auth::AtDial => None,
    }
}

fn auth_message(token: &AccessToken, did_proof: Option<&[u8]>) -> Message {
    let params = AuthParams { token: token.expose(), did_proof };
    Message::Binary(frame::notification(method::AUTH, &params))
}

#[expect(clippy::disallowed_methods, reason = "the connection owns its two tasks and aborts them")]
fn start(task: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
    tokio::spawn(task)
}

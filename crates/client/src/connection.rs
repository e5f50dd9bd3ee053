//! One authenticated connection and the tasks that read and write it.

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

use crate::error::Ended;
use crate::event::Events;
use crate::options::Options;
use crate::pending::Pending;
use crate::queue::{Producer, queue};
use crate::token::AccessToken;
use reader::Reader;
use writer::Writer;

/// How a connection proves who it is.
#[derive(Clone, Debug)]
pub enum Auth {
    /// With this token in the first message (protocol §1.4).
    Token(AccessToken),
    /// It has, when it was dialled; as servers do among each other.
    AtDial,
}

/// One connection; cheap to clone. It ends when it is closed, when it breaks, or, without a goodbye, when the
/// last clone and all its streams are dropped.
///
/// There is no word of welcome: a token that the server does not like shows as [`Ended::Closed`] with code
/// 4000 in the first call.
#[derive(Clone, Debug)]
pub struct Connection {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    pending: Arc<Pending>,
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
    /// A connection over an upgraded socket of any kind. Must be called within a tokio runtime, which then
    /// runs its two tasks.
    pub fn over<S>(socket: WebSocketStream<S>, auth: Auth, options: Options) -> (Self, Events)
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let (sink, source) = socket.split();
        let (outgoing, queued) = queue(options.send_queue);
        let (events, event_source) = queue(options.event_queue);
        let pending = Arc::new(Pending::default());
        let close = Arc::new(Notify::new());
        let writer = Writer {
            first: first_message(auth),
            queued,
            close: Arc::clone(&close),
            pending: Arc::clone(&pending),
            tap: options.tap.clone(),
            close_timeout: options.close_timeout,
        };
        let reader = Reader {
            pending: Arc::clone(&pending),
            events,
            close: Arc::clone(&close),
            tap: options.tap.clone(),
            idle_timeout: options.idle_timeout,
            close_timeout: options.close_timeout,
        };
        let tasks = [start(writer.run(sink)), start(reader.run(source))];
        let inner = Inner { pending, outgoing, close, options, tasks };
        (Self { inner: Arc::new(inner) }, Events::new(event_source))
    }

    /// How the connection ended; `None` while it lives.
    #[must_use]
    pub fn ended(&self) -> Option<Ended> {
        self.inner.pending.ended()
    }

    /// Waits for the end. Safe to cancel.
    pub async fn until_ended(&self) -> Ended {
        self.inner.pending.until_ended().await
    }

    /// Says goodbye, waits a moment for the server to say it too, and ends the connection for all its clones.
    pub async fn close(&self) {
        self.inner.close.notify_one();
        let _ = tokio::time::timeout(self.inner.options.close_timeout, self.until_ended()).await;
        self.inner.pending.end(Ended::ByUs);
        for task in &self.inner.tasks {
            task.abort();
        }
    }

    /// Hands a whole message to the writer, waiting for room.
    pub(crate) async fn send(&self, message: Bytes) -> Result<(), Ended> {
        let size = message.len();
        self.inner.outgoing.push(message, size).await.map_err(|_| self.inner.pending.why())
    }

    pub(crate) fn pending(&self) -> &Arc<Pending> {
        &self.inner.pending
    }

    pub(crate) fn options(&self) -> &Options {
        &self.inner.options
    }
}

fn first_message(auth: Auth) -> Option<Message> {
    match auth {
        Auth::Token(token) => {
            let params = AuthParams { token: token.expose() };
            Some(Message::Binary(frame::notification(method::AUTH, &params)))
        }
        Auth::AtDial => None,
    }
}

#[expect(clippy::disallowed_methods, reason = "the connection owns its two tasks and aborts them")]
fn start(task: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
    tokio::spawn(task)
}

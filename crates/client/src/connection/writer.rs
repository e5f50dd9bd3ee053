//! Writer task of a connection: queued messages, then the close frame.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Sink, SinkExt as _};
use tokio::sync::Notify;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error as WsError, Message};

use crate::calls::Calls;
use crate::error::Ended;
use crate::options::Tap;
use crate::queue::Consumer;

pub(super) struct Writer {
    pub(super) first: Option<Message>,
    pub(super) queued: Consumer<Bytes>,
    pub(super) close: Arc<Notify>,
    pub(super) calls: Arc<Calls>,
    pub(super) tap: Option<Arc<dyn Tap>>,
    pub(super) close_timeout: Duration,
}

impl Writer {
    /// Writes until a close is requested, which overtakes queued messages, or writing fails.
    pub(super) async fn run(mut self, mut sink: impl Sink<Message, Error = WsError> + Unpin) {
        let close = Arc::clone(&self.close);
        let written = tokio::select! {
            biased;
            () = close.notified() => Ok(()),
            written = self.write_all(&mut sink) => written,
        };
        drop(self.queued);
        match written {
            Ok(()) => send_close(sink).await,
            Err(error) => {
                // A failed write is often the consequence of a close by the server, whose code is still in the receive buffer.
                // The reader gets time to find it, because the first recorded cause stands.
                let _ = tokio::time::timeout(self.close_timeout, self.calls.until_ended()).await;
                self.calls.end(Ended::Lost(Some(Arc::new(error))));
            }
        }
    }

    async fn write_all(
        &mut self,
        sink: &mut (impl Sink<Message, Error = WsError> + Unpin),
    ) -> Result<(), WsError> {
        if let Some(first) = self.first.take() {
            sink.feed(first).await?;
        }
        loop {
            while let Some(message) = self.queued.try_pop() {
                self.write(sink, message).await?;
            }
            sink.flush().await?;
            let Some(message) = self.queued.pop().await else { return Ok(()) };
            self.write(sink, message).await?;
        }
    }

    async fn write(
        &self,
        sink: &mut (impl Sink<Message, Error = WsError> + Unpin),
        message: Bytes,
    ) -> Result<(), WsError> {
        if let Some(tap) = &self.tap {
            tap.sent(&message);
        }
        sink.feed(Message::Binary(message)).await
    }
}

async fn send_close(mut sink: impl Sink<Message, Error = WsError> + Unpin) {
    let close = CloseFrame { code: CloseCode::Normal, reason: "client close".into() };
    // Fails on a socket that is closed already.
    let _ = sink.send(Message::Close(Some(close))).await;
}

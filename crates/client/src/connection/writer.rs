//! The task that writes.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Sink, SinkExt as _};
use tokio::sync::Notify;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error as WsError, Message};

use crate::error::Ended;
use crate::options::Tap;
use crate::pending::Pending;
use crate::queue::Consumer;

pub(super) struct Writer {
    pub(super) first: Option<Message>,
    pub(super) queued: Consumer<Bytes>,
    pub(super) close: Arc<Notify>,
    pub(super) pending: Arc<Pending>,
    pub(super) tap: Option<Arc<dyn Tap>>,
    pub(super) close_timeout: Duration,
}

impl Writer {
    /// Writes until the close is asked for, which overtakes what is queued, or writing fails.
    pub(super) async fn run(mut self, mut sink: impl Sink<Message, Error = WsError> + Unpin) {
        let close = Arc::clone(&self.close);
        let written = tokio::select! {
            biased;
            () = close.notified() => Ok(()),
            written = self.write_all(&mut sink) => written,
        };
        drop(self.queued);
        match written {
            Ok(()) => say_goodbye(sink).await,
            Err(error) => {
                // The server may have said why it closed; the reader gets a moment to find it.
                let _ = tokio::time::timeout(self.close_timeout, self.pending.until_ended()).await;
                self.pending.end(Ended::Lost(Some(Arc::new(error))));
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

async fn say_goodbye(mut sink: impl Sink<Message, Error = WsError> + Unpin) {
    let goodbye = CloseFrame { code: CloseCode::Normal, reason: "client close".into() };
    // A socket that is gone already needs no goodbye.
    let _ = sink.send(Message::Close(Some(goodbye))).await;
}

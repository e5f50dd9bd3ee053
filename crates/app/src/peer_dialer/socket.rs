//! Both halves of a dialled socket.

use async_trait::async_trait;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use less_sync_federation::outbound::dialer::{
    LinkReader, LinkSocket, LinkWriter, Received, Sent, SocketLost,
};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::error::CapacityError;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Bytes, Error as WsError, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Code of a close frame without a status code (RFC 6455 §7.1.5).
const NO_STATUS: u16 = 1005;

/// Splits an upgraded socket.
pub(super) fn link(socket: Socket, subprotocol: Option<String>) -> LinkSocket {
    let (writer, reader) = socket.split();
    LinkSocket { reader: Box::new(Reader(reader)), writer: Box::new(Writer(writer)), subprotocol }
}

struct Reader(SplitStream<Socket>);

#[async_trait]
impl LinkReader for Reader {
    async fn next(&mut self) -> Received {
        match self.0.next().await {
            Some(Ok(Message::Binary(message))) => Received::Message(message),
            Some(Ok(Message::Text(_))) => Received::Text,
            Some(Ok(Message::Close(close))) => closed(close),
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => Received::Control,
            Some(Err(WsError::Capacity(CapacityError::MessageTooLong { .. }))) => Received::TooBig,
            Some(Err(_)) | None => Received::Lost,
        }
    }
}

fn closed(close: Option<CloseFrame>) -> Received {
    close.map_or(Received::Closed { code: NO_STATUS, reason: String::new() }, |close| Received::Closed {
        code: close.code.into(),
        reason: close.reason.as_str().to_owned(),
    })
}

struct Writer(SplitSink<Socket, Message>);

#[async_trait]
impl LinkWriter for Writer {
    async fn send(&mut self, output: Sent) -> Result<(), SocketLost> {
        let message = match output {
            Sent::Message(message) => Message::Binary(message),
            Sent::Ping => Message::Ping(Bytes::new()),
            Sent::Close(code, reason) => {
                Message::Close(Some(CloseFrame { code: code.into(), reason: reason.into() }))
            }
        };
        self.0.send(message).await.map_err(|_| SocketLost)
    }
}

//! A WebSocket client without manners: it sends what it is told, bit by bit, and shows what comes back.
//!
//! It answers no ping, echoes no close, checks nothing and hides nothing.

mod frame;
mod rpc;
mod upgrade;

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub use frame::{Frame, Opcode};
pub use upgrade::{HttpResponse, Upgrade};

use crate::within;

/// A connection of hand-made frames.
#[derive(Debug)]
pub struct RawClient {
    socket: TcpStream,
    unread: Vec<u8>,
    next_id: u32,
}

/// A frame, or the end of the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// A frame, as it was on the wire.
    Frame(Frame),
    /// The server ended the stream, with or without a reset.
    End,
}

impl Upgrade {
    /// Sends the request on a new connection; returns the response, and a client on the connection behind it.
    ///
    /// # Panics
    /// If there is no HTTP response.
    pub async fn send(&self, server: SocketAddr) -> (HttpResponse, RawClient) {
        let (response, socket, unread) = self.exchange(server).await;
        (response, RawClient { socket, unread, next_id: 0 })
    }
}

impl RawClient {
    /// Upgrades with the ordinary request and the newer subprotocol.
    pub async fn connect(server: SocketAddr) -> Self {
        Self::upgrade(server, &Upgrade::offering(&["less-rpc-v1"])).await
    }

    /// Upgrades with this request.
    ///
    /// # Panics
    /// If the answer is not 101.
    pub async fn upgrade(server: SocketAddr, request: &Upgrade) -> Self {
        let (response, client) = request.send(server).await;
        assert_eq!(response.status, 101, "upgrade rejected: {response:?}");
        client
    }

    /// Sends bytes as they are, frame or not.
    ///
    /// # Panics
    /// If the connection is gone.
    pub async fn send_raw(&mut self, bytes: &[u8]) {
        within("room to send", self.socket.write_all(bytes)).await.expect("an open connection");
    }

    /// Sends bytes as they are; `false` when the connection is gone or takes no more.
    pub async fn try_send_raw(&mut self, bytes: &[u8]) -> bool {
        matches!(tokio::time::timeout(crate::DEADLINE, self.socket.write_all(bytes)).await, Ok(Ok(())))
    }

    /// Sends one frame.
    pub async fn send(&mut self, frame: &Frame) {
        self.send_raw(&frame.to_bytes()).await;
    }

    /// Sends a whole binary message in one masked frame.
    pub async fn send_binary(&mut self, message: impl Into<Vec<u8>>) {
        self.send(&Frame::new(Opcode::BINARY, message)).await;
    }

    /// Sends a whole text message in one masked frame.
    pub async fn send_text(&mut self, message: &str) {
        self.send(&Frame::new(Opcode::TEXT, message)).await;
    }

    /// Sends one binary message in frames of at most `size` bytes.
    pub async fn send_fragmented(&mut self, message: &[u8], size: usize) {
        let count = message.len().div_ceil(size).max(1);
        for (index, part) in message.chunks(size).enumerate() {
            let opcode = if index == 0 { Opcode::BINARY } else { Opcode::CONTINUATION };
            self.send(&Frame { fin: index + 1 == count, ..Frame::new(opcode, part) }).await;
        }
    }

    /// The next frame of any kind, or the end.
    pub async fn receive(&mut self) -> Received {
        within("a frame from the server", self.receive_patiently()).await
    }

    /// The next frame of any kind, or the end, however long it takes.
    pub async fn receive_patiently(&mut self) -> Received {
        loop {
            if let Some((frame, length)) = Frame::parse(&self.unread) {
                self.unread.drain(..length);
                return Received::Frame(frame);
            }
            match self.socket.read_buf(&mut self.unread).await {
                Ok(1..) => {}
                Ok(0) | Err(_) => return Received::End,
            }
        }
    }

    /// The next binary message other than the keepalive, in one frame or several; pings and pongs are passed over.
    ///
    /// # Panics
    /// If the server closes, ends or sends anything else instead.
    pub async fn receive_message(&mut self) -> Vec<u8> {
        let mut message = Vec::new();
        loop {
            match self.receive().await {
                Received::Frame(frame)
                    if frame.opcode
                        == if message.is_empty() { Opcode::BINARY } else { Opcode::CONTINUATION } =>
                {
                    message.extend(frame.payload);
                    if !frame.fin {
                        continue;
                    }
                    if message != [0xf6] {
                        return message;
                    }
                    message.clear();
                }
                Received::Frame(frame) if frame.is_ping_or_pong() => {}
                other @ (Received::Frame(_) | Received::End) => {
                    panic!("expected a message, received {other:?}")
                }
            }
        }
    }

    /// The code and reason with which the server closes; everything before is passed over.
    ///
    /// # Panics
    /// If the stream ends without a close frame.
    pub async fn receive_close(&mut self) -> (u16, String) {
        loop {
            match self.receive().await {
                Received::Frame(frame) if frame.opcode == Opcode::CLOSE => return frame.close_parts(),
                Received::Frame(_) => {}
                Received::End => panic!("the stream ended without a close frame"),
            }
        }
    }

    /// Waits for the end of the stream; everything before is passed over.
    pub async fn receive_end(&mut self) {
        while self.receive().await != Received::End {}
    }

    /// Ends the stream without a close frame.
    pub fn vanish(self) {
        drop(self.socket);
    }
}

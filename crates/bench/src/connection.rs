//! WebSocket connection of the load generator: a socket, a handshake, and frames masked with zeros.

use std::io::{Error, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Poll, ready};

use anyhow::{Context as _, bail, ensure};
use less_sync_client::AccessToken;
use less_sync_core::SpaceId;
use less_sync_core::cbor::Encode;
use less_sync_core::frame;
use less_sync_core::wire::method;
use less_sync_core::wire::subscribe::{SubscribeEntry, SubscribeParams, SubscribeResult};
use less_sync_core::wire::token::AuthParams;
use tokio::io::{AsyncRead as _, AsyncReadExt as _, AsyncWriteExt as _, ReadBuf};
use tokio::net::{TcpSocket, TcpStream};

use crate::frames::{FrameHandler, FrameReader};

/// Size of the read buffer, in bytes. All connections of the thread share one, so idle connections hold no memory.
const READ_BUFFER: usize = 256 * 1024;

thread_local! {
    static BUFFER: std::cell::RefCell<Vec<u8>> = std::cell::RefCell::new(vec![0; READ_BUFFER]);
}

/// Address of the WebSocket endpoint.
#[derive(Clone, Debug)]
pub(crate) struct ServerAddress {
    pub(crate) socket: SocketAddr,
    /// Host and port, as sent in the `Host` header.
    pub(crate) host: String,
    /// Path of the WebSocket endpoint.
    pub(crate) path: String,
}

/// Upgraded connection without the costs of a full client.
#[derive(Debug)]
pub(crate) struct LoadConnection {
    stream: TcpStream,
    frames: FrameReader,
    /// Bytes received behind the response to the upgrade.
    early: Vec<u8>,
}

/// Source addresses rotate: one address has 28 000 ephemeral ports, and each stays in `TIME_WAIT` for a minute.
static SOURCE: AtomicU32 = AtomicU32::new(0);
pub(crate) const SOURCES: u32 = 200;

impl LoadConnection {
    /// Dials and upgrades; `receive_buffer` is the kernel's receive buffer in bytes, small for clients that do not read.
    pub(crate) async fn dial(address: &ServerAddress, receive_buffer: Option<u32>) -> anyhow::Result<Self> {
        let turn = SOURCE.fetch_add(1, Ordering::Relaxed);
        Self::upgraded(address, receive_buffer, turn).await
    }

    /// Dials from one of the [`SOURCES`] and upgrades. For attackers, whose address is what the server counts.
    pub(crate) async fn dial_from(address: &ServerAddress, source: u32) -> anyhow::Result<Self> {
        Self::upgraded(address, None, source).await
    }

    async fn upgraded(
        address: &ServerAddress,
        receive_buffer: Option<u32>,
        source: u32,
    ) -> anyhow::Result<Self> {
        let stream = connect(address.socket, receive_buffer, source).await.context("cannot connect")?;
        stream.set_nodelay(true)?;
        let mut link = Self { stream, frames: FrameReader::default(), early: Vec::new() };
        link.upgrade(address).await?;
        Ok(link)
    }

    /// Dials, upgrades and authenticates.
    pub(crate) async fn open(address: &ServerAddress, token: &AccessToken) -> anyhow::Result<Self> {
        let mut link = Self::dial(address, None).await?;
        link.authenticate(token).await?;
        Ok(link)
    }

    /// Sends the access token; the server responds only to a token that it rejects.
    pub(crate) async fn authenticate(&mut self, token: &AccessToken) -> std::io::Result<()> {
        self.send(&frame::notification(method::AUTH, &AuthParams { token: token.expose(), did_proof: None }))
            .await
    }

    async fn upgrade(&mut self, address: &ServerAddress) -> anyhow::Result<()> {
        let ServerAddress { host, path, .. } = address;
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             Sec-WebSocket-Protocol: less-rpc-v1\r\n\r\n"
        );
        self.stream.write_all(request.as_bytes()).await?;
        let mut response = Vec::with_capacity(1024);
        loop {
            ensure!(
                self.stream.read_buf(&mut response).await? > 0,
                "the server closed the connection during the upgrade"
            );
            if let Some(end) = response.windows(4).position(|window| window == b"\r\n\r\n") {
                self.early = response.split_off(end + 4);
                break;
            }
        }
        let status = String::from_utf8_lossy(&response);
        ensure!(
            status.starts_with("HTTP/1.1 101 "),
            "upgrade rejected: {}",
            status.lines().next().unwrap_or_default()
        );
        Ok(())
    }

    /// Subscribes to one space and waits for the response.
    pub(crate) async fn subscribe(&mut self, space: SpaceId, ucan: Option<&str>) -> anyhow::Result<()> {
        let id = space.to_string();
        let response = self.call(method::SUBSCRIBE, &subscribe_params(&id, ucan)).await?;
        let result: SubscribeResult<'_> = result(&response)?;
        ensure!(result.spaces.len() == 1, "the server rejected the subscription");
        Ok(())
    }

    /// Sends one request and returns the response message. One request at a time.
    pub(crate) async fn call(&mut self, method: &str, params: &impl Encode) -> anyhow::Result<Vec<u8>> {
        self.send(&frame::request("1", method, params)).await?;
        let mut handler = FirstResponse::default();
        while handler.response.is_none() {
            if let Some(code) = handler.closed {
                bail!("the server closed the connection: {code}");
            }
            self.read(&mut handler).await?;
        }
        handler.response.context("no response")
    }

    /// Sends one message.
    pub(crate) async fn send(&mut self, message: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(&masked(BINARY, message)).await
    }

    /// Reads once and passes the frames to `handler`. Pongs are sent for pings unless the send buffer is full.
    ///
    /// # Errors
    /// The connection has ended, or a frame is malformed.
    pub(crate) async fn read(&mut self, handler: &mut impl FrameHandler) -> std::io::Result<()> {
        let early = std::mem::take(&mut self.early);
        let mut handler = PongCollector { handler, pongs: Vec::new() };
        if early.is_empty() {
            self.fill(&mut handler).await?;
        } else {
            self.frames.feed(&early, &mut handler).map_err(Error::other)?;
        }
        for pong in handler.pongs {
            // A full send buffer proves activity to the server as well as a pong does.
            let _full = self.stream.try_write(&masked(PONG, &pong));
        }
        Ok(())
    }

    async fn fill(&mut self, handler: &mut impl FrameHandler) -> std::io::Result<()> {
        let Self { stream, frames, .. } = self;
        std::future::poll_fn(|context| {
            BUFFER.with_borrow_mut(|buffer| {
                let mut read = ReadBuf::new(buffer);
                ready!(Pin::new(&mut *stream).poll_read(context, &mut read))?;
                if read.filled().is_empty() {
                    return Poll::Ready(Err(ErrorKind::UnexpectedEof.into()));
                }
                Poll::Ready(frames.feed(read.filled(), handler).map_err(Error::other))
            })
        })
        .await
    }

    /// Sends messages framed by [`append`] in one write.
    pub(crate) async fn send_framed(&mut self, frames: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(frames).await
    }

    /// Sends a close frame without waiting for the response.
    pub(crate) async fn close(mut self) -> std::io::Result<()> {
        const NORMAL: [u8; 2] = 1000_u16.to_be_bytes();
        self.stream.write_all(&masked(CLOSE, &NORMAL)).await
    }
}

/// Appends one message as a frame.
pub(crate) fn append(out: &mut Vec<u8>, message: &[u8]) {
    write_frame(out, BINARY, message);
}

/// Params of a subscription to one space.
pub(crate) fn subscribe_params<'a>(id: &'a str, ucan: Option<&'a str>) -> SubscribeParams<'a> {
    let entry = SubscribeEntry {
        id,
        since: 0,
        ucan,
        token: None,
        presence: false,
        catchup: false,
        home_server: None,
    };
    SubscribeParams { spaces: vec![entry] }
}

/// Decodes the result of a response message.
pub(crate) fn result<'b, T: less_sync_core::cbor::Decode<'b>>(message: &'b [u8]) -> anyhow::Result<T> {
    match frame::parse_server(message)? {
        frame::ServerFrame::Response { outcome: Ok(result), .. } => Ok(result.decode()?),
        frame::ServerFrame::Response { outcome: Err(error), .. } => {
            bail!("{}: {}", error.code, error.message)
        }
        frame::ServerFrame::Keepalive
        | frame::ServerFrame::Chunk { .. }
        | frame::ServerFrame::Notification { .. }
        | frame::ServerFrame::Ignored => bail!("the server sent no response"),
    }
}

async fn connect(server: SocketAddr, receive_buffer: Option<u32>, source: u32) -> std::io::Result<TcpStream> {
    let socket = if server.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if let Some(size) = receive_buffer {
        socket.set_recv_buffer_size(size)?;
    }
    if let IpAddr::V4(Ipv4Addr::LOCALHOST) = server.ip() {
        let source = Ipv4Addr::from(u32::from(Ipv4Addr::LOCALHOST) + 1 + source % SOURCES);
        socket.bind(SocketAddr::from((source, 0)))?;
    }
    socket.connect(server).await
}

const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PONG: u8 = 10;

fn masked(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(payload.len() + 14);
    write_frame(&mut out, opcode, payload);
    out
}

/// Writes a frame with a mask of zeros: the server unmasks as usual, the generator saves the work.
fn write_frame(out: &mut Vec<u8>, opcode: u8, payload: &[u8]) {
    const MASKED: u8 = 0x80;
    const LENGTH_16: u8 = 0x7e;
    const LENGTH_64: u8 = 0x7f;
    out.push(0x80 | opcode);
    if let Ok(length @ 0..126) = u8::try_from(payload.len()) {
        out.push(MASKED | length);
    } else if let Ok(length) = u16::try_from(payload.len()) {
        out.push(MASKED | LENGTH_16);
        out.extend(length.to_be_bytes());
    } else {
        out.push(MASKED | LENGTH_64);
        out.extend((payload.len() as u64).to_be_bytes());
    }
    out.extend([0; 4]);
    out.extend(payload);
}

/// Forwards all frames except pings, whose payloads it collects.
struct PongCollector<'h, H> {
    handler: &'h mut H,
    pongs: Vec<Vec<u8>>,
}

impl<H: FrameHandler> FrameHandler for PongCollector<'_, H> {
    fn notification(&mut self) {
        self.handler.notification();
    }

    fn chunk(&mut self, payload_bytes: u64) {
        self.handler.chunk(payload_bytes);
    }

    fn response(&mut self, payload: &[u8]) {
        self.handler.response(payload);
    }

    fn ping(&mut self, payload: &[u8]) {
        self.pongs.push(payload.to_vec());
    }

    fn close(&mut self, code: u16) {
        self.handler.close(code);
    }
}

#[derive(Default)]
struct FirstResponse {
    response: Option<Vec<u8>>,
    closed: Option<u16>,
}

impl FrameHandler for FirstResponse {
    fn response(&mut self, payload: &[u8]) {
        self.response.get_or_insert_with(|| payload.to_vec());
    }

    fn close(&mut self, code: u16) {
        self.closed = Some(code);
    }
}

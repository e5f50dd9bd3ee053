//! A connection that costs next to nothing: a socket, a handshake and frames with an empty mask.

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

use super::frames::{FrameReader, Sink};

/// Shared by all connections of the thread, so that a thousand of them need one.
const READ_BUFFER: usize = 256 * 1024;

thread_local! {
    static BUFFER: std::cell::RefCell<Vec<u8>> = std::cell::RefCell::new(vec![0; READ_BUFFER]);
}

/// Where and how to dial.
#[derive(Clone, Debug)]
pub(super) struct Address {
    pub(super) socket: SocketAddr,
    pub(super) host: String,
    pub(super) path: String,
}

/// An upgraded connection.
#[derive(Debug)]
pub(super) struct Link {
    stream: TcpStream,
    frames: FrameReader,
    /// What came right behind the answer to the upgrade.
    early: Vec<u8>,
}

/// Source addresses take turns: one alone has 28 000 ports, and each rests for a minute after use.
static SOURCE: AtomicU32 = AtomicU32::new(0);
const SOURCES: u32 = 200;

impl Link {
    /// Dials and upgrades; `receive_buffer` bounds what the kernel takes for a client that does not read.
    pub(super) async fn dial(address: &Address, receive_buffer: Option<u32>) -> anyhow::Result<Self> {
        let stream = connect(address.socket, receive_buffer).await.context("cannot connect")?;
        stream.set_nodelay(true)?;
        let mut link = Self { stream, frames: FrameReader::default(), early: Vec::new() };
        link.upgrade(address).await?;
        Ok(link)
    }

    /// Dials, upgrades and authenticates.
    pub(super) async fn open(address: &Address, token: &AccessToken) -> anyhow::Result<Self> {
        let mut link = Self::dial(address, None).await?;
        link.authenticate(token).await?;
        Ok(link)
    }

    pub(super) async fn authenticate(&mut self, token: &AccessToken) -> std::io::Result<()> {
        self.send(&frame::notification(method::AUTH, &AuthParams { token: token.expose() })).await
    }

    async fn upgrade(&mut self, address: &Address) -> anyhow::Result<()> {
        let Address { host, path, .. } = address;
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             Sec-WebSocket-Protocol: less-rpc-v1\r\n\r\n"
        );
        self.stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::with_capacity(1024);
        loop {
            ensure!(self.stream.read_buf(&mut answer).await? > 0, "the server ended the upgrade");
            if let Some(end) = answer.windows(4).position(|window| window == b"\r\n\r\n") {
                self.early = answer.split_off(end + 4);
                break;
            }
        }
        let status = String::from_utf8_lossy(&answer);
        ensure!(
            status.starts_with("HTTP/1.1 101 "),
            "upgrade rejected: {}",
            status.lines().next().unwrap_or_default()
        );
        Ok(())
    }

    /// Watches one space and waits until the server has said yes.
    pub(super) async fn subscribe(&mut self, space: SpaceId, ucan: Option<&str>) -> anyhow::Result<()> {
        let id = space.to_string();
        let answer = self.call(method::SUBSCRIBE, &subscribe_params(&id, ucan)).await?;
        let result: SubscribeResult<'_> = result(&answer)?;
        ensure!(result.spaces.len() == 1, "the space cannot be watched");
        Ok(())
    }

    /// One request at a time; answers the message with the result.
    pub(super) async fn call(&mut self, method: &str, params: &impl Encode) -> anyhow::Result<Vec<u8>> {
        self.send(&frame::request("1", method, params)).await?;
        let mut sink = FirstResponse::default();
        while sink.response.is_none() {
            if let Some(code) = sink.closed {
                bail!("the server closed the connection: {code}");
            }
            self.read(&mut sink).await?;
        }
        sink.response.context("no answer")
    }

    /// Sends one message.
    pub(super) async fn send(&mut self, message: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(&masked(BINARY, message)).await
    }

    /// Waits for bytes and hands the frames in them to `sink`. Pings are answered, as far as the socket takes it.
    ///
    /// # Errors
    /// The connection is over.
    pub(super) async fn read(&mut self, sink: &mut impl Sink) -> std::io::Result<()> {
        let early = std::mem::take(&mut self.early);
        let mut sink = Answering { sink, pongs: Vec::new() };
        if early.is_empty() {
            self.fill(&mut sink).await?;
        } else {
            self.frames.feed(&early, &mut sink).map_err(Error::other)?;
        }
        for pong in sink.pongs {
            // A socket that takes nothing is not idle, which is all a pong would say.
            let _full = self.stream.try_write(&masked(PONG, &pong));
        }
        Ok(())
    }

    async fn fill(&mut self, sink: &mut impl Sink) -> std::io::Result<()> {
        let Self { stream, frames, .. } = self;
        std::future::poll_fn(|context| {
            BUFFER.with_borrow_mut(|buffer| {
                let mut read = ReadBuf::new(buffer);
                ready!(Pin::new(&mut *stream).poll_read(context, &mut read))?;
                if read.filled().is_empty() {
                    return Poll::Ready(Err(ErrorKind::UnexpectedEof.into()));
                }
                Poll::Ready(frames.feed(read.filled(), sink).map_err(Error::other))
            })
        })
        .await
    }

    /// Sends messages that were framed by [`append`], all in one write.
    pub(super) async fn send_framed(&mut self, frames: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(frames).await
    }

    /// Says goodbye and does not wait for an answer.
    pub(super) async fn leave(mut self) -> std::io::Result<()> {
        const NORMAL: [u8; 2] = 1000_u16.to_be_bytes();
        self.stream.write_all(&masked(CLOSE, &NORMAL)).await
    }
}

/// Appends one framed message.
pub(super) fn append(out: &mut Vec<u8>, message: &[u8]) {
    write_frame(out, BINARY, message);
}

/// The params of a subscription to one space.
pub(super) fn subscribe_params<'a>(id: &'a str, ucan: Option<&'a str>) -> SubscribeParams<'a> {
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

/// Reads the result out of a response.
pub(super) fn result<'b, T: less_sync_core::cbor::Decode<'b>>(message: &'b [u8]) -> anyhow::Result<T> {
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

async fn connect(server: SocketAddr, receive_buffer: Option<u32>) -> std::io::Result<TcpStream> {
    let socket = if server.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if let Some(size) = receive_buffer {
        socket.set_recv_buffer_size(size)?;
    }
    if let IpAddr::V4(Ipv4Addr::LOCALHOST) = server.ip() {
        let turn = SOURCE.fetch_add(1, Ordering::Relaxed) % SOURCES;
        let source = Ipv4Addr::from(u32::from(Ipv4Addr::LOCALHOST) + 1 + turn);
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

/// With an empty mask: the server has the work of a mask all the same, and we have not.
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

/// Passes everything on and remembers which pings want an answer.
struct Answering<'s, S> {
    sink: &'s mut S,
    pongs: Vec<Vec<u8>>,
}

impl<S: Sink> Sink for Answering<'_, S> {
    fn notification(&mut self) {
        self.sink.notification();
    }

    fn chunk(&mut self, payload_bytes: u64) {
        self.sink.chunk(payload_bytes);
    }

    fn response(&mut self, payload: &[u8]) {
        self.sink.response(payload);
    }

    fn ping(&mut self, payload: &[u8]) {
        self.pongs.push(payload.to_vec());
    }

    fn close(&mut self, code: u16) {
        self.sink.close(code);
    }
}

#[derive(Default)]
struct FirstResponse {
    response: Option<Vec<u8>>,
    closed: Option<u16>,
}

impl Sink for FirstResponse {
    fn notification(&mut self) {}

    fn chunk(&mut self, _payload_bytes: u64) {}

    fn response(&mut self, payload: &[u8]) {
        self.response.get_or_insert_with(|| payload.to_vec());
    }

    fn ping(&mut self, _payload: &[u8]) {}

    fn close(&mut self, code: u16) {
        self.closed = Some(code);
    }
}

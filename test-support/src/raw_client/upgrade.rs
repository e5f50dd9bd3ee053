//! The HTTP request that asks for a WebSocket, written by hand so that it can be wrong.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::within;

/// An upgrade request; every part can be replaced, repeated or left out.
#[derive(Clone, Debug)]
pub struct Upgrade {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
}

/// An HTTP answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpResponse {
    /// The status code.
    pub status: u16,
    /// Names in lower case, in the order received.
    pub headers: Vec<(String, String)>,
    /// Body, up to `Content-Length`.
    pub body: Vec<u8>,
}

impl Upgrade {
    /// A correct request for `/api/v1/ws`, with one subprotocol header line per entry of `subprotocols`.
    #[must_use]
    pub fn offering(subprotocols: &[&str]) -> Self {
        let request = Self { method: "GET".into(), target: "/api/v1/ws".into(), headers: Vec::new() }
            .header("Host", "localhost")
            .header("Connection", "Upgrade")
            .header("Upgrade", "websocket")
            .header("Sec-WebSocket-Version", "13")
            .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
        subprotocols.iter().fold(request, |request, name| request.header("Sec-WebSocket-Protocol", name))
    }

    /// No upgrade at all: a plain GET.
    #[must_use]
    pub fn plain_get(target: &str) -> Self {
        Self { method: "GET".into(), target: target.into(), headers: Vec::new() }.header("Host", "localhost")
    }

    /// Replaces the method.
    #[must_use]
    pub fn method(mut self, method: &str) -> Self {
        method.clone_into(&mut self.method);
        self
    }

    /// Replaces the target.
    #[must_use]
    pub fn target(mut self, target: &str) -> Self {
        target.clone_into(&mut self.target);
        self
    }

    /// Adds a header line.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Removes every line of a header.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(present, _)| !present.eq_ignore_ascii_case(name));
        self
    }

    /// Sends the request on a new connection; returns the response, the connection, and what was read from it after the
    /// response.
    pub(super) async fn exchange(&self, server: SocketAddr) -> (HttpResponse, TcpStream, Vec<u8>) {
        let mut socket =
            within("a connection", TcpStream::connect(server)).await.expect("a listening server");
        socket.set_nodelay(true).expect("a socket option");
        socket.write_all(self.to_text().as_bytes()).await.expect("a server that reads");
        let (response, unread) = within("an HTTP response", read_response(&mut socket)).await;
        (response, socket, unread)
    }

    /// Sends the request on a new connection; returns the response only.
    ///
    /// # Panics
    /// If there is no HTTP response.
    pub async fn response(&self, server: SocketAddr) -> HttpResponse {
        self.exchange(server).await.0
    }

    fn to_text(&self) -> String {
        let mut text = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        for (name, value) in &self.headers {
            text.extend([name, ": ", value, "\r\n"]);
        }
        text + "\r\n"
    }
}

impl HttpResponse {
    /// The first value of a header, by its name in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(present, _)| present == name).map(|(_, value)| value.as_str())
    }
}

async fn read_response(socket: &mut TcpStream) -> (HttpResponse, Vec<u8>) {
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
        let read = socket.read_buf(&mut bytes).await.expect("a response");
        assert_ne!(read, 0, "the connection ended before a response");
    };
    let rest = bytes.split_off(head_end);
    let mut response = parse_head(&String::from_utf8(bytes).expect("a head of ASCII"));
    let unread = if response.status == 101 { rest } else { response.read_body(socket, rest).await };
    (response, unread)
}

impl HttpResponse {
    async fn read_body(&mut self, socket: &mut TcpStream, mut bytes: Vec<u8>) -> Vec<u8> {
        let length = self.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        while bytes.len() < length && matches!(socket.read_buf(&mut bytes).await, Ok(1..)) {}
        let unread = bytes.split_off(length.min(bytes.len()));
        self.body = bytes;
        unread
    }
}

fn parse_head(head: &str) -> HttpResponse {
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|code| code.parse().ok());
    let headers = lines.filter_map(|line| line.split_once(':'));
    let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned())).collect();
    HttpResponse { status: status.expect("a status line"), headers, body: Vec::new() }
}

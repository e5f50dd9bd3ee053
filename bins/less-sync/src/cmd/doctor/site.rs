//! Deployment under examination: one HTTP exchange or WebSocket per connection, without pools, retries and redirects.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;

use anyhow::Context as _;
use bytes::Bytes;
use futures_util::future::{Either, select};
use http::header::HOST;
use http::{HeaderMap, HeaderValue, Method, Request, Response};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use less_sync_client::ServerUrl;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Largest body of a response that is read, in bytes.
const MAX_BODY: usize = 64 * 1024;

/// Header of every response of a server (http §1.1); a proxy that responds itself does not send it.
const OF_SERVER: &str = "x-protocol-version";

/// Byte stream of a connection, encrypted or not.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// Deployment with a reachable address.
#[derive(Debug)]
pub(super) struct Site {
    pub(super) url: ServerUrl,
    pub(super) host: String,
    /// Address that accepts connections.
    pub(super) address: SocketAddr,
    /// `None` for a URL without TLS.
    pub(super) tls: Option<Arc<ClientConfig>>,
}

/// Response with its body.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Answer {
    /// Returns whether a less-sync server sent the response, and not something in front of it.
    pub(super) fn is_of_server(&self) -> bool {
        self.headers.contains_key(OF_SERVER)
    }

    /// Value of a header; empty if it is missing or not text.
    pub(super) fn header(&self, name: &str) -> &str {
        text(&self.headers, name)
    }

    /// Status, and the name of the program that responded if it gives one.
    pub(super) fn summary(&self) -> String {
        match self.header("server") {
            "" => format!("status {}", self.status),
            program => format!("status {} of {program}", self.status),
        }
    }
}

/// Value of a header; empty if it is missing or not text.
pub(super) fn text<'h>(headers: &'h HeaderMap, name: &str) -> &'h str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

impl Site {
    /// Opens a connection, with TLS if the URL has it.
    pub(super) async fn connect(&self) -> anyhow::Result<Box<dyn Stream>> {
        let tcp = TcpStream::connect(self.address).await.context("cannot connect")?;
        tcp.set_nodelay(true).context("cannot connect")?;
        let Some(tls) = &self.tls else { return Ok(Box::new(tcp)) };
        let name = ServerName::try_from(self.host.clone()).context("not a host name")?;
        let stream = TlsConnector::from(tls.clone()).connect(name, tcp).await.context("TLS failed")?;
        Ok(Box::new(stream))
    }

    /// Request to a path of the server, with its `Host`.
    pub(super) fn request(&self, method: Method, path: &str) -> Request<Empty<Bytes>> {
        let mut request = Request::new(Empty::new());
        *request.method_mut() = method;
        // A path that is not one leads to `/`, whose response shows it.
        *request.uri_mut() = path.parse().unwrap_or_default();
        if let Ok(host) = HeaderValue::from_str(&self.url.authority()) {
            request.headers_mut().insert(HOST, host);
        }
        request
    }

    /// Sends a request on a connection of its own, and reads the response, which may arrive before the end of the request.
    pub(super) async fn send<B>(&self, request: Request<B>) -> anyhow::Result<Answer>
    where
        B: Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let stream = self.connect().await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let exchange = pin!(async {
            let response = sender.send_request(request).await.context("no response")?;
            read(response).await
        });
        match select(exchange, pin!(connection)).await {
            Either::Left((answer, _)) => answer,
            // The connection is over; its last response may be still unread.
            Either::Right((_, exchange)) => exchange.await,
        }
    }
}

async fn read(response: Response<Incoming>) -> anyhow::Result<Answer> {
    let (head, body) = response.into_parts();
    // A body that is cut or too long does not change what the head says.
    let body = Limited::new(body, MAX_BODY).collect().await.map(http_body_util::Collected::to_bytes);
    Ok(Answer { status: head.status.as_u16(), headers: head.headers, body: body.unwrap_or_default() })
}

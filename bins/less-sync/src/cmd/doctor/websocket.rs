//! Checks of the WebSocket: upgrade through the proxy, compression, frames in both directions, idle connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use http::header::{SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_PROTOCOL};
use http::{HeaderMap, HeaderValue};
use less_sync_client::{AccessToken, Auth, Ended, Options, Tap};
use less_sync_doctor::Finding;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use super::site::{Site, Stream, text};
use crate::target::Target;

const UPGRADE: &str = "upgrade";
const IDLE: &str = "idle";

/// Timeout of an upgrade, and of the close frame after it.
const TIMEOUT: Duration = Duration::from_secs(8);

/// Upgrades a connection as a browser does, and checks that frames pass in both directions.
pub(super) async fn upgrade(site: &Site) -> Vec<Finding> {
    let advice = "pass Upgrade and Connection to the server over HTTP/1.1 (nginx: proxy_http_version 1.1, proxy_set_header)";
    match timeout(TIMEOUT, open(site)).await {
        Err(_elapsed) => vec![Finding::fail(UPGRADE, "no response to the upgrade", advice)],
        Ok(Err(error)) => vec![Finding::fail(UPGRADE, format!("{error:#}"), advice)],
        Ok(Ok((socket, headers))) => {
            let mut findings = vec![protocol(&headers), compression(&headers)];
            findings.push(frames(socket).await);
            findings
        }
    }
}

async fn open(site: &Site) -> anyhow::Result<(WebSocketStream<Box<dyn Stream>>, HeaderMap)> {
    let endpoint = site.url.endpoint()?;
    let mut request = endpoint.url().as_str().into_client_request()?;
    let headers = request.headers_mut();
    headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static("less-rpc-v1, betterbase-rpc-v1"));
    let offer = "permessage-deflate; client_max_window_bits";
    headers.insert(SEC_WEBSOCKET_EXTENSIONS, HeaderValue::from_static(offer));
    match client_async(request, site.connect().await?).await {
        Ok((socket, response)) => Ok((socket, response.headers().clone())),
        Err(Error::Http(response)) => {
            let (status, program) = (response.status().as_u16(), text(response.headers(), "server"));
            let origin = match (response.headers().contains_key("x-protocol-version"), status) {
                (true, 400 | 426) => "the server, which did not see an upgrade".to_owned(),
                (true, _) => "the server".to_owned(),
                (false, _) => format!("{program}, not the server"),
            };
            anyhow::bail!("status {status} instead of 101, from {origin}")
        }
        Err(error) => Err(error).context("the upgrade failed"),
    }
}

fn protocol(headers: &HeaderMap) -> Finding {
    match text(headers, "sec-websocket-protocol") {
        "less-rpc-v1" => Finding::ok(UPGRADE, "101, less-rpc-v1"),
        other => Finding::fail(
            UPGRADE,
            format!("101 with the subprotocol \"{other}\""),
            "pass Sec-WebSocket-Protocol in both directions",
        ),
    }
}

fn compression(headers: &HeaderMap) -> Finding {
    const CHECK: &str = "ws-coding";
    match text(headers, "sec-websocket-extensions") {
        "" => Finding::ok(CHECK, "frames are not compressed"),
        extension => Finding::fail(
            CHECK,
            format!("something in front of the server compresses frames: {extension}"),
            "turn permessage-deflate off: frames are ciphertext",
        ),
    }
}

/// Sends a text message, which a server rejects with a close frame (protocol §1.4).
async fn frames(mut socket: WebSocketStream<Box<dyn Stream>>) -> Finding {
    const CHECK: &str = "frames";
    let advice = "let the proxy forward the bytes of an upgraded connection without buffering (nginx: proxy_buffering off)";
    let exchange = async {
        socket.send(Message::text("less-sync doctor")).await?;
        while let Some(message) = socket.next().await {
            if let Message::Close(close) = message? {
                return Ok(close);
            }
        }
        Ok(None)
    };
    match timeout(TIMEOUT, exchange).await {
        Ok(Ok(Some(_close))) => Finding::ok(CHECK, "frames pass in both directions"),
        Ok(Ok(None)) => Finding::fail(CHECK, "the connection ended without a close frame", advice),
        Ok(Err(error)) => {
            let error: Error = error;
            Finding::fail(CHECK, format!("no frame of the server: {error}"), advice)
        }
        Err(_elapsed) => Finding::fail(CHECK, "no frame of the server after one of the client", advice),
    }
}

/// Counter of messages of the server.
#[derive(Debug, Default)]
struct Received(AtomicU32);

impl Tap for Received {
    fn received(&self, _: &Bytes) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn sent(&self, _: &Bytes) {}
}

/// Keeps an authenticated connection idle for `idle`: only keepalives of the server pass.
pub(super) async fn idle(target: &Target, token: Option<&AccessToken>, idle: Duration) -> Vec<Finding> {
    let Some(token) = token else {
        return vec![Finding::skip(IDLE, "no access token", "give --token to keep a connection open")];
    };
    let received = Arc::new(Received::default());
    let options = Options {
        tap: Some(received.clone()),
        idle_timeout: idle + Duration::from_mins(1),
        ..Options::default()
    };
    let dialled = match target.dialer(options) {
        Ok(dialer) => dialer.dial(Auth::Token(token.clone())).await.map_err(anyhow::Error::from),
        Err(failure) => Err(failure.into_error()),
    };
    let connection = match dialled {
        Ok((connection, _events)) => connection,
        Err(error) => return vec![Finding::fail(IDLE, format!("{error:#}"), "see the check upgrade")],
    };
    let ended = timeout(idle, connection.until_ended()).await;
    let keepalives = received.0.load(Ordering::Relaxed);
    let finding = match ended {
        Ok(ended) => lost(&ended, idle),
        Err(_elapsed) if keepalives == 0 => Finding::warn(
            IDLE,
            format!("open for {} s, less than the interval of keepalives", idle.as_secs()),
            "give a longer --idle: servers send keepalives every 30 s",
        ),
        Err(_elapsed) => {
            Finding::ok(IDLE, format!("open for {} s, with {keepalives} keepalives", idle.as_secs()))
        }
    };
    connection.close().await;
    vec![finding]
}

fn lost(ended: &Ended, idle: Duration) -> Finding {
    let seen = format!("the connection ended within {} s: {ended}", idle.as_secs());
    if matches!(ended, Ended::Closed { .. }) {
        Finding::fail(IDLE, seen, "look up the close code in docs/protocol.md; the token may be rejected")
    } else {
        let advice = "raise the timeouts of the proxy for idle connections to 2 h (nginx: proxy_read_timeout, proxy_send_timeout)";
        Finding::fail(IDLE, seen, advice)
    }
}

#[cfg(test)]
mod tests {
    use less_sync_doctor::Verdict;

    use super::*;

    #[test]
    fn accepted_compression_and_a_missing_subprotocol_fail() {
        let mut headers = HeaderMap::new();
        assert_eq!((protocol(&headers).verdict, compression(&headers).verdict), (Verdict::Fail, Verdict::Ok));
        headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static("less-rpc-v1"));
        headers.insert(SEC_WEBSOCKET_EXTENSIONS, HeaderValue::from_static("permessage-deflate"));
        assert_eq!((protocol(&headers).verdict, compression(&headers).verdict), (Verdict::Ok, Verdict::Fail));
    }
}

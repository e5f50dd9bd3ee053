//! Requests for files at a home server: signed, streamed, and their responses for the client (federation §13).

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use less_sync_auth::federation::http_signature::{OutgoingRequest, sign};
use less_sync_core::{FileId, SpaceId};
use less_sync_engine::{FileCall, FileMethod, FileRelayError, FileReply, RelayedBody};
use tokio::sync::OwnedSemaphorePermit;
use url::Url;

use super::super::timed_body;
use super::super::transfers::{TransferRequest, TransferResponse};
use super::PeerObject;
use crate::signed_headers::X_REQUEST_ID;

/// Headers of a response that the client gets.
const PASSED: [&str; 12] = [
    "accept-ranges",
    "cache-control",
    "content-disposition",
    "content-length",
    "content-range",
    "content-type",
    "etag",
    "repr-digest",
    "retry-after",
    "vary",
    "x-wrapped-dek",
    "allow",
];

/// Largest body of an error that is read to tell which one it is, in bytes.
const MAX_ERROR: usize = 4096;

impl PeerObject {
    /// Relays a request for a file.
    ///
    /// # Errors
    /// [`FileRelayError`].
    pub(in super::super) async fn file(&self, call: FileCall) -> Result<FileReply, FileRelayError> {
        let places = if call.method == FileMethod::Put { &self.uploads } else { &self.downloads };
        let place = places.clone().try_acquire_owned().map_err(|_| FileRelayError::Busy)?;
        let deps = &self.shared.deps;
        let has_body = call.body.is_some();
        let progress = timed_body::progress(deps.clock.instant(), has_body);
        let request = self.signed(call, &progress).await.ok_or(FileRelayError::Unavailable)?;
        let method = request.method.clone();
        let mut sending = deps.transfers.send(request);
        let response = loop {
            let deadline = progress.lock().deadline(&deps.timing);
            tokio::select! {
                biased;
                response = &mut sending => break response,
                () = deps.clock.sleep_until(deadline) => {
                    if progress.lock().deadline(&deps.timing) <= deps.clock.instant() {
                        tracing::debug!(peer = %self.id, "home server is too slow with a file");
                        return Err(FileRelayError::Unavailable);
                    }
                }
            }
        };
        match response {
            Ok(response) => self.reply(response, &method, place).await,
            Err(_) if progress.lock().is_broken() => Err(FileRelayError::BrokenBody),
            Err(error) => {
                tracing::debug!(peer = %self.id, error = %less_sync_core::ErrorChain(&error), "file request failed");
                Err(FileRelayError::Unavailable)
            }
        }
    }

    /// The request to the peer, signed; `None` for a peer that is not trusted or has no URL.
    async fn signed(&self, call: FileCall, progress: &timed_body::SharedProgress) -> Option<TransferRequest> {
        let deps = &self.shared.deps;
        let peer = self.trusted()?;
        let target = self.target.find(&peer, &*deps.fetcher, deps.clock.instant()).await.ok()??;
        let FileCall { method, space, file, headers, body } = call;
        let url = url(&target.url, space, file)?;
        let method = match method {
            FileMethod::Put => Method::PUT,
            FileMethod::Get => Method::GET,
            FileMethod::Head => Method::HEAD,
            FileMethod::Delete => Method::DELETE,
        };
        let request_id = request_id(deps.random.bits());
        let length = body.as_ref().map(|(length, _)| length.to_string());
        let mut signed = vec![(X_REQUEST_ID, request_id.as_str())];
        for (name, value) in &headers {
            signed.push((name, std::str::from_utf8(value).ok()?));
        }
        signed.extend(length.as_deref().map(|length| ("content-length", length)));
        let ring = deps.own_keys.ring();
        let own = ring.primary()?;
        let outgoing = OutgoingRequest { method: method.as_str(), url: &url, headers: &signed };
        let signature = sign(&outgoing, &own.key_id, &own.key, deps.clock.now())?;
        let mut sent = HeaderMap::new();
        for (name, value) in &signed {
            sent.insert(HeaderName::from_bytes(name.as_bytes()).ok()?, HeaderValue::from_str(value).ok()?);
        }
        sent.insert("signature-input", HeaderValue::from_str(&signature.signature_input).ok()?);
        sent.insert("signature", HeaderValue::from_str(&signature.signature).ok()?);
        let body =
            body.map(|(length, body)| timed_body::upload(body, length, progress.clone(), deps.clock.clone()));
        Some(TransferRequest { method, url, headers: sent, body, is_guarded: target.is_guarded })
    }

    /// The response for the client (federation §13.3).
    async fn reply(
        &self,
        response: TransferResponse,
        method: &Method,
        place: OwnedSemaphorePermit,
    ) -> Result<FileReply, FileRelayError> {
        let TransferResponse { status, headers, body } = response;
        let (clock, timing) = (self.shared.deps.clock.clone(), self.shared.deps.timing.clone());
        let mut body = timed_body::download(body, clock, timing, place);
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND
                if method != Method::HEAD =>
            {
                let text = read_error(&mut body).await?;
                check(status, &error_text(&text))?;
                body = stream::iter([Ok(text)]).boxed();
            }
            StatusCode::UNAUTHORIZED => return Err(FileRelayError::Refused),
            status
                if status.is_server_error()
                    || status.is_redirection() && status != StatusCode::NOT_MODIFIED =>
            {
                tracing::debug!(peer = %self.id, status = status.as_u16(), "home server failed to serve a file");
                return Err(FileRelayError::Unavailable);
            }
            _ => {}
        }
        let headers = PASSED.iter().filter_map(|name| {
            let value = headers.get(*name)?;
            Some((*name, Bytes::copy_from_slice(value.as_bytes())))
        });
        Ok(FileReply { status: status.as_u16(), headers: headers.collect(), body })
    }
}

/// Distinguishes errors about the request of a user from those about this server.
///
/// # Errors
/// [`FileRelayError`] of an error about this server.
fn check(status: StatusCode, error: &str) -> Result<(), FileRelayError> {
    match (status, error) {
        (StatusCode::UNAUTHORIZED, "missing authorization") | (StatusCode::NOT_FOUND, "not found") => {
            Err(FileRelayError::Unsupported)
        }
        (StatusCode::UNAUTHORIZED, _) | (StatusCode::FORBIDDEN, "untrusted peer") => {
            Err(FileRelayError::Refused)
        }
        _ => Ok(()),
    }
}

async fn read_error(body: &mut RelayedBody) -> Result<Bytes, FileRelayError> {
    let mut text = Vec::new();
    while let Some(chunk) = body.next().await {
        text.extend_from_slice(&chunk.map_err(|_| FileRelayError::Unavailable)?);
        if text.len() > MAX_ERROR {
            return Err(FileRelayError::Unavailable);
        }
    }
    Ok(text.into())
}

fn error_text(body: &[u8]) -> String {
    let parsed: Option<serde_json::Value> = serde_json::from_slice(body).ok();
    parsed.and_then(|parsed| Some(parsed.get("error")?.as_str()?.to_owned())).unwrap_or_default()
}

/// URL of a file at the server whose links are at `link`.
fn url(link: &Url, space: SpaceId, file: FileId) -> Option<Url> {
    let scheme = match link.scheme() {
        "ws" | "http" => "http",
        "wss" | "https" => "https",
        _ => return None,
    };
    // The setter does not change between schemes of different kinds of URLs, which all of these are.
    let mut url = Url::parse(&format!("{scheme}{}", link.as_str().strip_prefix(link.scheme())?)).ok()?;
    url.set_path(&format!("/api/v1/federation/spaces/{space}/files/{file}"));
    url.set_query(None);
    Some(url)
}

fn request_id(bits: u128) -> String {
    let hex = format!("{bits:032x}");
    let part = |range: std::ops::Range<usize>| hex.get(range).unwrap_or_default();
    [part(0..8), part(8..12), part(12..16), part(16..20), part(20..32)].join("-")
}

//! HTTP client of the S3 store: no proxy, no redirects, a timeout on every wait, and typed errors.

use std::time::Duration;

use async_trait::async_trait;
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
};
use reqwest::Method;
use reqwest::redirect::Policy;
use tokio::time::timeout;

use super::response_body;
use super::timeouts::Timeouts;

/// Idle timeout of a pooled connection; below the 20 s or more after which servers close theirs.
const IDLE_TIMEOUT: Duration = Duration::from_secs(15);

/// Error code of S3 for a missing bucket, in the body of a 404 response; other 404 responses mean a missing object.
const NO_SUCH_BUCKET: &[u8] = b"<Code>NoSuchBucket</Code>";

/// Response that says something about the server instead of the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ServerError {
    /// Status that reports an overloaded, failing or full server.
    #[error("object store responded with status {0}")]
    Status(u16),
    /// The bucket does not exist.
    #[error("bucket does not exist")]
    NoBucket,
}

/// Factory of the HTTP client.
#[derive(Debug)]
pub(super) struct Connector {
    timeouts: Timeouts,
}

impl Connector {
    pub(super) const fn new(timeouts: Timeouts) -> Self {
        Self { timeouts }
    }
}

impl HttpConnector for Connector {
    fn connect(&self, _options: &ClientOptions) -> object_store::Result<HttpClient> {
        let pooled = self.client(usize::MAX)?;
        let fresh = self.client(0)?;
        Ok(HttpClient::new(TimeoutClient { pooled, fresh, timeouts: self.timeouts }))
    }
}

impl Connector {
    fn client(&self, idle_connections: usize) -> object_store::Result<reqwest::Client> {
        reqwest::Client::builder()
            .user_agent("less-sync")
            .no_proxy()
            .redirect(Policy::none())
            .connect_timeout(self.timeouts.connect)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_max_idle_per_host(idle_connections)
            .tcp_keepalive(IDLE_TIMEOUT)
            .http1_only()
            .build()
            .map_err(|source| object_store::Error::Generic { store: "S3", source: Box::new(source) })
    }
}

/// Client with a timeout per request that turns server errors into typed errors.
#[derive(Debug)]
struct TimeoutClient {
    pooled: reqwest::Client,
    /// Opens a connection for each request.
    fresh: reqwest::Client,
    timeouts: Timeouts,
}

#[async_trait]
impl HttpService for TimeoutClient {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let bytes = request.body().content_length();
        let limit = if bytes == 0 { self.timeouts.response } else { self.timeouts.transfer };
        // A pooled connection may be dead without a sign of it. All methods but POST may be repeated: an object has one
        // content, and a part of an upload is replaced by the same part.
        if request.method() == Method::POST {
            return self.send_within(limit, &self.fresh, request).await;
        }
        let suspicious = self.timeouts.suspicious(bytes);
        if suspicious < limit {
            let first = timeout(suspicious, self.send(&self.pooled, request.clone())).await;
            if let Ok(responded) = first {
                return responded;
            }
            tracing::debug!("object store gave no response; repeating the request on a new connection");
            return self.send_within(limit, &self.fresh, request).await;
        }
        self.send_within(limit, &self.pooled, request).await
    }
}

impl TimeoutClient {
    async fn send_within(
        &self,
        limit: Duration,
        client: &reqwest::Client,
        request: HttpRequest,
    ) -> Result<HttpResponse, HttpError> {
        let responded = timeout(limit, self.send(client, request)).await;
        responded.map_err(|elapsed| HttpError::new(HttpErrorKind::Timeout, elapsed))?
    }

    async fn send(&self, client: &reqwest::Client, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let response =
            client.call(request).await?.map(|body| response_body::bounded(body, self.timeouts.stall));
        match (response.status().as_u16(), retry_kind(response.status().as_u16())) {
            (status, Some(kind)) => Err(HttpError::new(kind, ServerError::Status(status))),
            (404, None) => missing(response).await,
            (_, None) => Ok(response),
        }
    }
}

/// Distinguishes a missing bucket from a missing object: the client library maps every 404 to the latter.
async fn missing(response: HttpResponse) -> Result<HttpResponse, HttpError> {
    let (parts, body) = response.into_parts();
    let body = body.bytes().await?;
    if body.windows(NO_SUCH_BUCKET.len()).any(|part| part == NO_SUCH_BUCKET) {
        return Err(HttpError::new(HttpErrorKind::Unknown, ServerError::NoBucket));
    }
    Ok(HttpResponse::from_parts(parts, body.into()))
}

/// Error kind of a status that reports on the server and not on the request. The kind decides on a retry: requests to an
/// overloaded or failing server are retried, those to a full one are not.
const fn retry_kind(status: u16) -> Option<HttpErrorKind> {
    match status {
        408 | 429 | 500 | 502..=504 => Some(HttpErrorKind::Request),
        507 => Some(HttpErrorKind::Unknown),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_statuses_about_the_server_are_errors() {
        for status in [408, 429, 500, 502, 503, 504] {
            assert_eq!(retry_kind(status), Some(HttpErrorKind::Request), "{status} is retried");
        }
        assert_eq!(retry_kind(507), Some(HttpErrorKind::Unknown), "a full store is not retried");
        for status in [200, 206, 301, 304, 400, 403, 404, 409, 412, 416, 501] {
            assert_eq!(retry_kind(status), None, "{status}");
        }
    }
}

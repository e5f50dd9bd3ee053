//! HTTP client of the S3 store: no proxy, no redirects, a timeout on every wait, and typed errors.

use std::time::Duration;

use async_trait::async_trait;
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
};
use reqwest::redirect::Policy;

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
        let client = reqwest::Client::builder()
            .user_agent("less-sync")
            .no_proxy()
            .redirect(Policy::none())
            .connect_timeout(self.timeouts.connect)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .http1_only()
            .build()
            .map_err(|source| object_store::Error::Generic { store: "S3", source: Box::new(source) })?;
        Ok(HttpClient::new(TimeoutClient { client, timeouts: self.timeouts }))
    }
}

/// Client with a timeout per request that turns server errors into typed errors.
#[derive(Debug)]
struct TimeoutClient {
    client: reqwest::Client,
    timeouts: Timeouts,
}

#[async_trait]
impl HttpService for TimeoutClient {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let empty = request.body().content_length() == 0;
        let timeout = if empty { self.timeouts.response } else { self.timeouts.transfer };
        let responded = tokio::time::timeout(timeout, self.send(request)).await;
        responded.map_err(|elapsed| HttpError::new(HttpErrorKind::Timeout, elapsed))?
    }
}

impl TimeoutClient {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let response = self.client.call(request).await?;
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

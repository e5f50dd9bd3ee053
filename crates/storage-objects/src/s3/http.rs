//! The HTTP client below the store: no proxy, no redirect, a bound on every wait, and failures that can be told apart by
//! their types.

use std::time::Duration;

use async_trait::async_trait;
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
};
use reqwest::redirect::Policy;

use super::Patience;

/// How long a connection may wait for its next request. Servers close theirs after twenty seconds or more.
const IDLE: Duration = Duration::from_secs(15);

/// The code of S3 for a bucket that is not there, as it stands in the body of an answer with status 404. Without it the
/// answer says that an object is missing.
const NO_BUCKET: &[u8] = b"<Code>NoSuchBucket</Code>";

/// A server that had an answer, but not to the question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Troubled {
    /// One that says nothing about the request.
    #[error("object store answered with status {0}")]
    Status(u16),
    /// It does not know the bucket.
    #[error("bucket does not exist")]
    NoBucket,
}

/// Makes the client.
#[derive(Debug)]
pub(super) struct Connector {
    patience: Patience,
}

impl Connector {
    pub(super) const fn new(patience: Patience) -> Self {
        Self { patience }
    }
}

impl HttpConnector for Connector {
    fn connect(&self, _options: &ClientOptions) -> object_store::Result<HttpClient> {
        let client = reqwest::Client::builder()
            .user_agent("less-sync")
            .no_proxy()
            .redirect(Policy::none())
            .connect_timeout(self.patience.connect)
            .pool_idle_timeout(IDLE)
            .http1_only()
            .build()
            .map_err(|source| object_store::Error::Generic { store: "S3", source: Box::new(source) })?;
        Ok(HttpClient::new(Patient { client, patience: self.patience }))
    }
}

/// A client that neither waits for ever nor takes an outage for an answer.
#[derive(Debug)]
struct Patient {
    client: reqwest::Client,
    patience: Patience,
}

#[async_trait]
impl HttpService for Patient {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let empty = request.body().content_length() == 0;
        let limit = if empty { self.patience.answer } else { self.patience.transfer };
        let answered = tokio::time::timeout(limit, self.ask(request)).await;
        answered.map_err(|elapsed| HttpError::new(HttpErrorKind::Timeout, elapsed))?
    }
}

impl Patient {
    async fn ask(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let response = self.client.call(request).await?;
        match (response.status().as_u16(), trouble(response.status().as_u16())) {
            (status, Some(kind)) => Err(HttpError::new(kind, Troubled::Status(status))),
            (404, None) => missing(response).await,
            (_, None) => Ok(response),
        }
    }
}

/// Tells a missing bucket from a missing object.
async fn missing(response: HttpResponse) -> Result<HttpResponse, HttpError> {
    let (parts, body) = response.into_parts();
    let body = body.bytes().await?;
    if body.windows(NO_BUCKET.len()).any(|part| part == NO_BUCKET) {
        return Err(HttpError::new(HttpErrorKind::Unknown, Troubled::NoBucket));
    }
    Ok(HttpResponse::from_parts(parts, body.into()))
}

/// Statuses that say something about the server and nothing about the request. The kind decides what is tried again:
/// an overloaded or failing server is, a full one is not.
const fn trouble(status: u16) -> Option<HttpErrorKind> {
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
    fn only_statuses_about_the_server_are_trouble() {
        for status in [408, 429, 500, 502, 503, 504] {
            assert_eq!(trouble(status), Some(HttpErrorKind::Request), "{status} is tried again");
        }
        assert_eq!(trouble(507), Some(HttpErrorKind::Unknown), "a full store is not tried again");
        for status in [200, 206, 301, 304, 400, 403, 404, 409, 412, 416, 501] {
            assert_eq!(trouble(status), None, "{status}");
        }
    }
}

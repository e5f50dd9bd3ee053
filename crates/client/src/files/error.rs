//! Errors of file requests.

use std::time::Duration;

use http::header::RETRY_AFTER;
use reqwest::{Response, StatusCode};
use serde::Deserialize;

use crate::endpoint::InvalidEndpoint;

/// Maximum size of a rejection's body that is read, in bytes.
const MAX_BODY: usize = 4096;

/// Failure of a file request.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// Invalid URL of the server.
    #[error("invalid URL of the server")]
    Address(#[source] InvalidEndpoint),
    /// Rejected by the server (http §7.2).
    #[error("{error} ({})", status.as_u16())]
    Rejected {
        /// HTTP status.
        status: StatusCode,
        /// Error text of the response, or the reason phrase of the status.
        error: String,
        /// Delay requested by the server before a retry.
        retry_after: Option<Duration>,
    },
    /// Connection failure; the outcome of an upload or a deletion is unknown.
    #[error("the connection failed")]
    Unreachable(#[source] reqwest::Error),
    /// No progress within the idle timeout; the outcome of an upload or a deletion is unknown.
    #[error("idle timeout: no progress")]
    Stalled,
    /// Failure to read the content of an upload.
    #[error("cannot read the content")]
    Content(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Malformed response.
    #[error("malformed response: {0}")]
    Malformed(&'static str),
}

impl FileError {
    pub(super) fn unreachable(error: reqwest::Error) -> Self {
        // URLs contain space and file ids, which must not end up in logs; the caller has them.
        Self::Unreachable(error.without_url())
    }

    /// HTTP status of a rejection.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Rejected { status, .. } => Some(*status),
            Self::Address(_)
            | Self::Unreachable(_)
            | Self::Stalled
            | Self::Content(_)
            | Self::Malformed(_) => None,
        }
    }

    /// Returns whether the same request may succeed later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::Stalled => true,
            Self::Rejected { status, .. } => matches!(
                *status,
                StatusCode::REQUEST_TIMEOUT
                    | StatusCode::TOO_MANY_REQUESTS
                    | StatusCode::INTERNAL_SERVER_ERROR
                    | StatusCode::BAD_GATEWAY
                    | StatusCode::SERVICE_UNAVAILABLE
                    | StatusCode::GATEWAY_TIMEOUT
            ),
            Self::Address(_) | Self::Content(_) | Self::Malformed(_) => false,
        }
    }

    /// Delay requested by the server before a retry.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Rejected { retry_after, .. } => *retry_after,
            Self::Address(_)
            | Self::Unreachable(_)
            | Self::Stalled
            | Self::Content(_)
            | Self::Malformed(_) => None,
        }
    }
}

#[derive(Deserialize)]
struct Body {
    error: String,
}

/// Error of a rejected request. Its text is read within `timeout`, and else replaced by the reason phrase.
pub(super) async fn rejection(response: Response, timeout: Duration) -> FileError {
    let status = response.status();
    let seconds = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    let body = tokio::time::timeout(timeout, body(response)).await.unwrap_or_default();
    let text = serde_json::from_slice::<Body>(&body).ok().map(|body| body.error);
    let reason = || status.canonical_reason().unwrap_or("rejected").to_lowercase();
    let error = text.filter(|text| !text.chars().any(char::is_control)).unwrap_or_else(reason);
    FileError::Rejected { status, error, retry_after: seconds.map(Duration::from_secs) }
}

/// Beginning of the body.
async fn body(mut response: Response) -> Vec<u8> {
    let mut body = Vec::new();
    while let Ok(Some(piece)) = response.chunk().await {
        let room = MAX_BODY.saturating_sub(body.len());
        body.extend(piece.iter().take(room));
        if body.len() == MAX_BODY {
            break;
        }
    }
    body
}

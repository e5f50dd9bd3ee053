//! What can go wrong with a file, and whether another attempt is worth it.

use std::time::Duration;

use http::header::RETRY_AFTER;
use reqwest::{Response, StatusCode};
use serde::Deserialize;

use crate::endpoint::InvalidEndpoint;

/// Bytes of a rejection that are read.
const MOST_WORDS: usize = 4096;

/// A request for a file that has no good answer.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The server's address is none.
    #[error("the address of the server is not usable")]
    Address(#[source] InvalidEndpoint),
    /// The server rejected, and says why (http §7.2).
    #[error("{error} ({})", status.as_u16())]
    Rejected {
        /// With which status.
        status: StatusCode,
        /// In its own words, or those of the status where it has none.
        error: String,
        /// When it wants to be asked again.
        retry_after: Option<Duration>,
    },
    /// There is no server, or the connection broke off. Whether an upload or a deletion has happened is not known.
    #[error("the connection failed")]
    Unreachable(#[source] reqwest::Error),
    /// Nothing has moved for too long. Whether an upload or a deletion has happened is not known.
    #[error("nothing moved any more")]
    Stalled,
    /// The content of an upload could not be read.
    #[error("cannot read the content")]
    Content(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The answer is not what a server of files says.
    #[error("the answer of the server makes no sense: {0}")]
    Malformed(&'static str),
}

impl FileError {
    pub(super) fn unreachable(error: reqwest::Error) -> Self {
        // Whose space it is and which file is nobody's business but the caller's, who knows.
        Self::Unreachable(error.without_url())
    }

    /// The status of a rejection.
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

    /// Whether the same request may succeed later.
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

    /// When the server wants to be asked again, if it has said so.
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
struct Words {
    error: String,
}

/// Why the server rejected, as far as it can be heard in time.
pub(super) async fn rejection(response: Response, patience: Duration) -> FileError {
    let status = response.status();
    let seconds = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    let body = tokio::time::timeout(patience, words(response)).await.unwrap_or_default();
    let told = serde_json::from_slice::<Words>(&body).ok().map(|words| words.error);
    let usual = || status.canonical_reason().unwrap_or("rejected").to_lowercase();
    let error = told.filter(|words| !words.chars().any(char::is_control)).unwrap_or_else(usual);
    FileError::Rejected { status, error, retry_after: seconds.map(Duration::from_secs) }
}

/// The beginning of a body.
async fn words(mut response: Response) -> Vec<u8> {
    let mut body = Vec::new();
    while let Ok(Some(piece)) = response.chunk().await {
        let room = MOST_WORDS.saturating_sub(body.len());
        body.extend(piece.iter().take(room));
        if body.len() == MOST_WORDS {
            break;
        }
    }
    body
}

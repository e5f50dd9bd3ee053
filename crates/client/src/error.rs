//! What can go wrong, and what to do about it.

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use less_sync_core::{Cursor, ErrorCode, close_code};

use crate::TlsError;

/// The cause of an error, shared by everybody who learns of it.
pub type Cause = Arc<dyn Error + Send + Sync>;

/// A server that could not be reached, or did not want to talk.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// The name of the host means nothing.
    #[error("host name cannot be resolved")]
    Resolve(#[source] io::Error),
    /// No TCP connection.
    #[error("cannot connect")]
    Connect(#[source] io::Error),
    /// No way to check certificates.
    #[error("cannot use TLS")]
    Tls(#[from] TlsError),
    /// No WebSocket: a TLS failure, an answer that is no HTTP, or a connection that broke.
    #[error("the WebSocket handshake failed")]
    Handshake(#[source] Cause),
    /// The server said no (protocol §1.2).
    #[error("the server rejected the upgrade with HTTP status {status}")]
    Rejected {
        /// Status of the answer.
        status: u16,
        /// When to come back.
        retry_after: Option<Duration>,
    },
    /// A server that speaks none of our subprotocols (protocol §1.3).
    #[error("the server speaks another subprotocol")]
    Subprotocol,
    /// No answer within [`Options::dial_timeout`](crate::Options::dial_timeout).
    #[error("no answer in time")]
    Timeout,
    /// A header that cannot be sent.
    #[error("the request cannot be written")]
    Request(#[source] http::Error),
}

/// How a connection ended.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Ended {
    /// The server closed it (protocol §1.5).
    #[error("the server closed the connection: {code} {reason}")]
    Closed {
        /// One of [`close_code`]; 1005 when the server gave none.
        code: u16,
        /// Its words.
        reason: String,
    },
    /// We closed it.
    #[error("the connection was closed")]
    ByUs,
    /// It broke, or ended without a word.
    #[error("the connection was lost")]
    Lost(#[source] Option<Cause>),
    /// Nothing was heard for [`Options::idle_timeout`](crate::Options::idle_timeout).
    #[error("the server fell silent")]
    Silent,
    /// The server sent something that is no frame of the protocol.
    #[error("the server sent something unreadable")]
    Unreadable,
}

impl Ended {
    /// Whether dialling again is pointless: the token or the handshake is at fault (4000), or the server does
    /// not want us at all (4002).
    #[must_use]
    pub fn is_final(&self) -> bool {
        const FORBIDDEN: u16 = 4002;
        match self {
            Self::Closed { code, .. } => matches!(*code, close_code::AUTH_FAILED | FORBIDDEN),
            Self::ByUs | Self::Lost(_) | Self::Silent | Self::Unreadable => false,
        }
    }
}

/// An error code on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Code {
    /// One of protocol §3.2.
    Known(ErrorCode),
    /// One that this client does not know.
    Unknown(String),
}

impl Code {
    /// Whether it is this one.
    #[must_use]
    pub fn is(&self, code: ErrorCode) -> bool {
        *self == Self::Known(code)
    }
}

impl From<&str> for Code {
    fn from(text: &str) -> Self {
        ErrorCode::parse(text).map_or_else(|| Self::Unknown(text.to_owned()), Self::Known)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(code) => code.fmt(f),
            Self::Unknown(text) => f.write_str(text),
        }
    }
}

/// A call without a result.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CallError {
    /// The server answered with an error.
    #[error("{code}: {message}")]
    Failed {
        /// What to act on.
        code: Code,
        /// For people.
        message: String,
    },
    /// The connection ended before the answer; whether the call took effect is unknown.
    #[error("the connection ended")]
    Ended(#[source] Ended),
    /// No answer within [`Options::call_timeout`](crate::Options::call_timeout); whether the call took effect is
    /// unknown.
    #[error("no answer in time")]
    Timeout,
    /// An answer that does not fit the method.
    #[error("the answer cannot be decoded")]
    Undecodable,
}

impl CallError {
    /// Whether the server answered with this error.
    #[must_use]
    pub fn is(&self, expected: ErrorCode) -> bool {
        match self {
            Self::Failed { code, .. } => code.is(expected),
            Self::Ended(_) | Self::Timeout | Self::Undecodable => false,
        }
    }
}

/// A membership log that could not be read, or must not be believed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LogError {
    /// No answer worth the name.
    #[error(transparent)]
    Call(#[from] CallError),
    /// An entry is missing, or is not what its hash says.
    #[error("the membership log is broken at entry {seq}")]
    Broken {
        /// Its place.
        seq: i32,
    },
}

/// A push that did not happen, or may not have.
#[derive(Clone, Debug, thiserror::Error)]
pub enum PushError {
    /// Nothing was written.
    #[error("push rejected: {code}")]
    Rejected {
        /// Why.
        code: Code,
        /// After a conflict, the current cursor of the space; else 0.
        cursor: Cursor,
    },
    /// No answer worth the name.
    #[error(transparent)]
    Call(#[from] CallError),
}

/// A pull that must not be believed: none of its cursors may be kept.
#[derive(Clone, Debug, thiserror::Error)]
pub enum PullError {
    /// No result.
    #[error(transparent)]
    Call(#[from] CallError),
    /// A chunk that cannot be decoded.
    #[error("chunk {0} cannot be decoded")]
    Undecodable(String),
    /// A chunk where it does not belong.
    #[error("chunk {0} out of place")]
    OutOfPlace(String),
    /// A space twice in one answer.
    #[error("a space was begun twice")]
    BegunTwice,
    /// A commit that is not the one of its begin.
    #[error("the commit does not match its begin")]
    OtherCommit,
    /// A commit that counts other rows than came.
    #[error("{received} rows came, {announced} were announced")]
    RowCount {
        /// Rows that came.
        received: u64,
        /// Rows that the commit says were sent.
        announced: u64,
    },
    /// An answer that counts other chunks than came.
    #[error("{received} chunks came, {announced} were announced")]
    ChunkCount {
        /// Chunks that came.
        received: u64,
        /// Chunks that the result says were sent.
        announced: u64,
    },
    /// The answer came without the commit of the last space.
    #[error("a space was not committed")]
    NoCommit,
}

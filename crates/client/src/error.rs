//! Errors of dialling, connections, calls and pulls.

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use less_sync_core::{ChainSeq, Cursor, ErrorCode, close_code};

use crate::TlsError;

/// Cause of an error, shared by all calls that it fails.
pub type Cause = Arc<dyn Error + Send + Sync>;

/// Failure to open a connection.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// DNS resolution failed.
    #[error("cannot resolve the host name")]
    Resolve(#[source] io::Error),
    /// The TCP connection failed.
    #[error("cannot connect")]
    Connect(#[source] io::Error),
    /// TLS cannot be configured.
    #[error("cannot use TLS")]
    Tls(#[from] TlsError),
    /// Failed handshake: TLS failure, malformed response, or lost connection.
    #[error("the WebSocket handshake failed")]
    Handshake(#[source] Cause),
    /// The server rejected the upgrade (protocol §1.2).
    #[error("the server rejected the upgrade with HTTP status {status}")]
    Rejected {
        /// HTTP status of the response.
        status: u16,
        /// Delay requested by the server before the next attempt.
        retry_after: Option<Duration>,
    },
    /// The server supports none of the offered subprotocols (protocol §1.3).
    #[error("the server supports no common subprotocol")]
    Subprotocol,
    /// No connection within [`Options::dial_timeout`](crate::Options::dial_timeout).
    #[error("dial timeout")]
    Timeout,
    /// Invalid header of the upgrade request.
    #[error("cannot build the upgrade request")]
    Request(#[source] http::Error),
}

/// Cause of the end of a connection.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Ended {
    /// Close frame of the server (protocol §1.5).
    #[error("the server closed the connection: {code} {reason}")]
    Closed {
        /// Close code, one of [`close_code`]; 1005 for a close frame without one.
        code: u16,
        /// Close reason.
        reason: String,
    },
    /// Close by this client.
    #[error("the connection was closed")]
    ByUs,
    /// Lost connection, or an end without a close frame.
    #[error("the connection was lost")]
    Lost(#[source] Option<Cause>),
    /// No message within [`Options::idle_timeout`](crate::Options::idle_timeout).
    #[error("idle timeout: no message from the server")]
    Silent,
    /// Malformed message of the server.
    #[error("the server sent a malformed message")]
    Unreadable,
}

impl Ended {
    /// Returns whether reconnecting is pointless: authentication failed (4000), or the client is forbidden (4002).
    #[must_use]
    pub fn is_final(&self) -> bool {
        const FORBIDDEN: u16 = 4002;
        match self {
            Self::Closed { code, .. } => matches!(*code, close_code::AUTH_FAILED | FORBIDDEN),
            Self::ByUs | Self::Lost(_) | Self::Silent | Self::Unreadable => false,
        }
    }
}

/// Error code of a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Code {
    /// Code of protocol §3.2.
    Known(ErrorCode),
    /// Code unknown to this client.
    Unknown(String),
}

impl Code {
    /// Returns whether this is `code`.
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

/// Failure of a call.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CallError {
    /// Error response.
    #[error("{code}: {message}")]
    Failed {
        /// Machine-readable code.
        code: Code,
        /// Human-readable message.
        message: String,
    },
    /// The connection ended before the response; the effect of the call is unknown.
    #[error("the connection ended")]
    Ended(#[source] Ended),
    /// No response within [`Options::call_timeout`](crate::Options::call_timeout); the effect of the call is unknown.
    #[error("call timeout")]
    Timeout,
    /// Response of another form than the method's result.
    #[error("cannot decode the response")]
    Undecodable,
}

impl CallError {
    /// Returns whether this is an error response with code `expected`.
    #[must_use]
    pub fn is(&self, expected: ErrorCode) -> bool {
        match self {
            Self::Failed { code, .. } => code.is(expected),
            Self::Ended(_) | Self::Timeout | Self::Undecodable => false,
        }
    }
}

/// Failure to read or verify a membership log.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LogError {
    /// The call failed.
    #[error(transparent)]
    Call(#[from] CallError),
    /// Broken hash chain: an entry is missing or modified.
    #[error("the membership log is broken at entry {seq}")]
    Broken {
        /// Position of the entry.
        seq: ChainSeq,
    },
}

/// Failure of a push.
#[derive(Clone, Debug, thiserror::Error)]
pub enum PushError {
    /// Rejected; nothing was written.
    #[error("push rejected: {code}")]
    Rejected {
        /// Error code.
        code: Code,
        /// Current cursor of the space after a conflict; else 0.
        cursor: Cursor,
    },
    /// The call failed.
    #[error(transparent)]
    Call(#[from] CallError),
}

/// Failure of a pull. Cursors of spaces without a commit must not be stored.
#[derive(Clone, Debug, thiserror::Error)]
pub enum PullError {
    /// The call failed.
    #[error(transparent)]
    Call(#[from] CallError),
    /// Undecodable chunk.
    #[error("cannot decode chunk {0}")]
    Undecodable(String),
    /// Unexpected chunk.
    #[error("unexpected chunk {0}")]
    OutOfPlace(String),
    /// Repeated space in one pull.
    #[error("duplicate pull.begin for a space")]
    BegunTwice,
    /// Commit with other cursors than its begin.
    #[error("the commit does not match its begin")]
    OtherCommit,
    /// Commit with another number of rows than received.
    #[error("received {received} rows, {announced} were announced")]
    RowCount {
        /// Received rows.
        received: u64,
        /// Rows announced by the commit.
        announced: u64,
    },
    /// Response with another number of chunks than received.
    #[error("received {received} chunks, {announced} were announced")]
    ChunkCount {
        /// Received chunks.
        received: u64,
        /// Chunks announced by the response.
        announced: u64,
    },
    /// Response without the commit of the last space.
    #[error("missing commit of a space")]
    NoCommit,
}

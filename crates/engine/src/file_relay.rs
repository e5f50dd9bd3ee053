//! Requests for files of a space that another server holds, relayed to it (federation §13).

use std::fmt;

use bytes::Bytes;
use futures_util::stream::BoxStream;
use less_sync_core::{FileId, SpaceId};

/// Headers of a client that its home server gets, in lowercase: never the token of the user (federation FI-1).
pub const FILE_HEADERS: [&str; 9] = [
    "x-ucan",
    "x-record-id",
    "x-wrapped-dek",
    "range",
    "if-range",
    "if-match",
    "if-none-match",
    "repr-digest",
    "content-digest",
];

/// Bytes of a body in order; ends with an error unless all of them were delivered.
pub type RelayedBody = BoxStream<'static, Result<Bytes, BrokenBody>>;

/// End of a body before its announced length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("body ended early")]
pub struct BrokenBody;

/// Method of a request for a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileMethod {
    /// Upload.
    Put,
    /// Download.
    Get,
    /// Headers of a download.
    Head,
    /// Deletion.
    Delete,
}

/// Request for a file.
pub struct FileCall {
    /// Method.
    pub method: FileMethod,
    /// The space.
    pub space: SpaceId,
    /// The file.
    pub file: FileId,
    /// Headers of the client out of [`FILE_HEADERS`], and their values.
    pub headers: Vec<(&'static str, Bytes)>,
    /// Body of an upload, and its announced length in bytes.
    pub body: Option<(u64, RelayedBody)>,
}

/// Response of a home server for the client.
pub struct FileReply {
    /// Status code.
    pub status: u16,
    /// Headers that concern the file: names in lowercase, and values.
    pub headers: Vec<(&'static str, Bytes)>,
    /// Body.
    pub body: RelayedBody,
}

/// Failure of a relayed request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileRelayError {
    /// Unreachable, not trusted, too slow, or failed.
    #[error("home server unavailable")]
    Unavailable,
    /// The home server does not accept requests of this server.
    #[error("home server refused this server")]
    Refused,
    /// The home server has no files for other servers.
    #[error("home server does not support federated files")]
    Unsupported,
    /// Too many transfers with the home server.
    #[error("too many transfers with the home server")]
    Busy,
    /// The body of the client has ended early.
    #[error("body of the client ended early")]
    BrokenBody,
}

impl fmt::Debug for FileCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileCall")
            .field("method", &self.method)
            .field("space", &self.space)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for FileReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileReply").field("status", &self.status).finish_non_exhaustive()
    }
}

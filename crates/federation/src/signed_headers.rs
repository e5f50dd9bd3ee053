//! Headers of signed requests between servers (federation §7.7, §13.2).

use less_sync_engine::FILE_HEADERS;

/// Header that binds a signature to one request.
pub(crate) const X_REQUEST_ID: &str = "x-request-id";

/// Headers that a signature has to cover if the request has them: those of the file, and the length of its body.
pub(crate) fn signed() -> impl Iterator<Item = &'static str> {
    FILE_HEADERS.into_iter().chain(["content-length"])
}

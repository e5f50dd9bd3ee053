//! What the description of the interface says of every method of a file: where it is, and how it may be rejected.

use utoipa::{IntoParams, IntoResponses};

use crate::openapi::Error;

/// Parts of the path.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "only its description is needed")]
pub(crate) struct Place {
    /// UUID with hyphens or as 32 digits, in any case
    space_id: String,
    /// UUID of the file, likewise
    id: String,
}

/// What lets somebody in.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "only its description is needed")]
pub(crate) struct Chain {
    /// The chain for a shared space, at most 64 KiB
    #[param(rename = "X-UCAN")]
    ucan: Option<String>,
}

/// Rejections and failures that every method knows.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "only its description is needed")]
pub(crate) enum Rejections {
    #[response(
        status = 401,
        description = "The token, or `authorization required` without a chain for a shared space"
    )]
    Unauthorized(Error),
    #[response(status = 403, description = "`files scope required`, `access denied`")]
    Forbidden(Error),
    #[response(
        status = 404,
        description = "`file not found` to those who read, `space not found` to those who write"
    )]
    NotFound(Error),
    #[response(status = 431, description = "`request header fields too large`")]
    HeadersTooLarge(Error),
    #[response(status = 500, description = "`internal error`")]
    Internal(Error),
    #[response(status = 501, description = "`remote space files are not supported`")]
    Remote(Error),
    #[response(
        status = 503,
        description = "`temporarily unavailable`, `too many uploads`, `too many downloads`; with Retry-After"
    )]
    Unavailable(Error),
}

/// The 400 of methods without a body.
#[derive(IntoResponses)]
#[response(status = 400, description = "`invalid space ID`, `invalid file ID`")]
#[expect(dead_code, reason = "only its description is needed")]
pub(crate) struct BadAddress(Error);

/// Rejections of conditions.
#[derive(IntoResponses)]
#[response(status = 412, description = "`precondition failed`")]
#[expect(dead_code, reason = "only its description is needed")]
pub(crate) struct FailedPrecondition(Error);

/// All of a file.
#[derive(IntoResponses)]
#[response(
    status = 200,
    description = "All of it; to HEAD without the body",
    content_type = "application/octet-stream",
    headers(
        ("ETag" = String),
        ("X-Wrapped-DEK" = String, description = "Changes when the key of the space is rotated"),
        ("Repr-Digest" = String),
        ("Accept-Ranges" = String),
        ("Cache-Control" = String),
    ),
)]
#[expect(dead_code, reason = "only its description is needed")]
pub(crate) struct Whole(Vec<u8>);

/// A part of a file.
#[derive(IntoResponses)]
#[response(
    status = 206,
    description = "The part that was asked for",
    content_type = "application/octet-stream",
    headers(("ETag" = String), ("X-Wrapped-DEK" = String), ("Content-Range" = String)),
)]
#[expect(dead_code, reason = "only its description is needed")]
pub(crate) struct Part(Vec<u8>);

/// A copy that is still good.
#[derive(IntoResponses)]
#[response(
    status = 304,
    description = "Your copy is still good; X-Wrapped-DEK is the current key",
    headers(("ETag" = String), ("X-Wrapped-DEK" = String)),
)]
pub(crate) struct NotModified;

/// A range beyond the end.
#[derive(IntoResponses)]
#[response(status = 416, description = "`range not satisfiable`", headers(("Content-Range" = String)))]
#[expect(dead_code, reason = "only its description is needed")]
pub(crate) struct Unsatisfiable(Error);

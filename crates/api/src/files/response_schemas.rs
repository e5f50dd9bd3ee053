//! OpenAPI schemas of the parameters and responses of files.

use utoipa::{IntoParams, IntoResponses};

use crate::error::ErrorSchema;

/// Path parameters.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "only its schema is used, by the OpenAPI document")]
pub(crate) struct FilePath {
    /// UUID of the space, hyphenated or as 32 digits, in any case
    space_id: String,
    /// UUID of the file, hyphenated or as 32 digits, in any case
    id: String,
}

/// Credentials beside the access token.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "only its schema is used, by the OpenAPI document")]
pub(crate) struct Chain {
    /// UCAN chain for a shared space, at most 64 KiB
    #[param(rename = "X-UCAN")]
    ucan: Option<String>,
}

/// Rejections and failures of every method.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "only its schema is used, by the OpenAPI document")]
pub(crate) enum Rejections {
    #[response(
        status = 401,
        description = "Invalid token, or `authorization required` without a chain for a shared space"
    )]
    Unauthorized(ErrorSchema),
    #[response(status = 403, description = "`files scope required`, `access denied`")]
    Forbidden(ErrorSchema),
    #[response(status = 404, description = "`file not found` to readers, `space not found` to writers")]
    NotFound(ErrorSchema),
    #[response(status = 431, description = "`request header fields too large`")]
    HeadersTooLarge(ErrorSchema),
    #[response(status = 500, description = "`internal error`")]
    Internal(ErrorSchema),
    #[response(
        status = 501,
        description = "`remote space files are not supported`, `home server does not support federated files`"
    )]
    Remote(ErrorSchema),
    #[response(status = 502, description = "`home server unavailable`, `home server refused this server`")]
    HomeServer(ErrorSchema),
    #[response(
        status = 503,
        description = "`temporarily unavailable`, `too many uploads`, `too many downloads`; with Retry-After"
    )]
    Unavailable(ErrorSchema),
}

/// The 400 response of methods without a body.
#[derive(IntoResponses)]
#[response(status = 400, description = "`invalid space ID`, `invalid file ID`")]
#[expect(dead_code, reason = "only its schema is used, by the OpenAPI document")]
pub(crate) struct BadAddress(ErrorSchema);

/// The 412 response to a failed condition.
#[derive(IntoResponses)]
#[response(status = 412, description = "`precondition failed`")]
#[expect(dead_code, reason = "only its schema is used, by the OpenAPI document")]
pub(crate) struct FailedPrecondition(ErrorSchema);

/// The 200 response with the whole file.
#[derive(IntoResponses)]
#[response(
    status = 200,
    description = "The whole file; HEAD without the body",
    content_type = "application/octet-stream",
    headers(
        ("ETag" = String),
        ("X-Wrapped-DEK" = String, description = "Wrapped key of the file; changes when the key of the space is rotated"),
        ("Repr-Digest" = String),
        ("Accept-Ranges" = String),
        ("Cache-Control" = String),
    ),
)]
#[expect(dead_code, reason = "only its schema is used, by the OpenAPI document")]
pub(crate) struct Whole(Vec<u8>);

/// The 206 response with a part of a file.
#[derive(IntoResponses)]
#[response(
    status = 206,
    description = "The requested range",
    content_type = "application/octet-stream",
    headers(("ETag" = String), ("X-Wrapped-DEK" = String), ("Content-Range" = String)),
)]
#[expect(dead_code, reason = "only its schema is used, by the OpenAPI document")]
pub(crate) struct Part(Vec<u8>);

/// The 304 response to a conditional request.
#[derive(IntoResponses)]
#[response(
    status = 304,
    description = "The copy of the client is current; X-Wrapped-DEK is the current key",
    headers(("ETag" = String), ("X-Wrapped-DEK" = String)),
)]
pub(crate) struct NotModified;

/// The 416 response to a range beyond the end.
#[derive(IntoResponses)]
#[response(status = 416, description = "`range not satisfiable`", headers(("Content-Range" = String)))]
#[expect(dead_code, reason = "only its schema is used, by the OpenAPI document")]
pub(crate) struct Unsatisfiable(ErrorSchema);

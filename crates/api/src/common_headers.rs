//! The headers of every answer (http §1.1).

use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::request_id::{RequestId, X_REQUEST_ID};

const METHODS: HeaderValue = HeaderValue::from_static("GET, PUT, HEAD, POST, OPTIONS, DELETE");
const ALLOWED: HeaderValue = HeaderValue::from_static(
    "Content-Type, Content-Length, Authorization, X-UCAN, X-Wrapped-DEK, X-Record-ID, Range, If-None-Match, \
     If-Match, If-Range, Repr-Digest, X-Request-ID",
);
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "X-Wrapped-DEK, ETag, Content-Range, Accept-Ranges, Repr-Digest, Retry-After, X-Protocol-Version, X-Request-ID",
);
const ANY_ORIGIN: HeaderValue = HeaderValue::from_static("*");
const ORIGIN: HeaderValue = HeaderValue::from_static("Origin");
const MAX_AGE: HeaderValue = HeaderValue::from_static("86400");
const NO_SNIFFING: HeaderValue = HeaderValue::from_static("nosniff");
const PROTOCOL_VERSION: HeaderValue = HeaderValue::from_static("1");
const X_PROTOCOL_VERSION: HeaderName = HeaderName::from_static("x-protocol-version");

/// Which origins browsers may call from (`CORS_ALLOWED_ORIGINS`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum CorsOrigins {
    /// All of them; authority travels in headers that no browser sends by itself.
    #[default]
    Any,
    /// These, compared byte by byte with the `Origin` of the request.
    Listed(Vec<HeaderValue>),
}

impl CorsOrigins {
    /// Adds what a page of `origin` may do with an answer. Public documents are for everybody.
    fn allow(&self, origin: Option<&HeaderValue>, public: bool, headers: &mut HeaderMap) {
        match self {
            Self::Listed(listed) if !public => {
                headers.append(header::VARY, ORIGIN);
                if let Some(origin) = origin.filter(|origin| listed.contains(origin)) {
                    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
                }
            }
            Self::Any | Self::Listed(_) => {
                headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, ANY_ORIGIN);
            }
        }
    }
}

/// What of a request decides about the headers of its answer.
pub(crate) struct Addressed {
    pub(crate) id: RequestId,
    pub(crate) origin: Option<HeaderValue>,
    /// Well-known documents, which every origin may read (http §5).
    pub(crate) public: bool,
}

/// Puts the common headers on an answer.
pub(crate) fn add(headers: &mut HeaderMap, request: &Addressed, cors: &CorsOrigins) {
    headers.insert(X_PROTOCOL_VERSION, PROTOCOL_VERSION);
    headers.insert(X_REQUEST_ID, request.id.header());
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, NO_SNIFFING);
    cors.allow(request.origin.as_ref(), request.public, headers);
}

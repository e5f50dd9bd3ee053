//! Headers of every response: CORS, protocol version, request id (http §1.1).

use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::request_id::{RequestId, X_REQUEST_ID};

const METHODS: HeaderValue = HeaderValue::from_static("GET, PUT, HEAD, POST, OPTIONS, DELETE");
const ALLOWED: HeaderValue = HeaderValue::from_static(
    "Content-Type, Content-Length, Authorization, X-UCAN, X-Wrapped-DEK, X-Record-ID, Range, If-None-Match, \
     If-Match, If-Range, Repr-Digest, Content-Digest, X-Request-ID, Traceparent, Tracestate",
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

/// Origins that browsers may send requests from (`CORS_ALLOWED_ORIGINS`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum CorsOrigins {
    /// All origins. Safe, since credentials are in headers that no browser adds by itself.
    #[default]
    Any,
    /// Listed origins, compared byte by byte with the `Origin` header.
    Listed(Vec<HeaderValue>),
}

impl CorsOrigins {
    /// Adds the CORS headers for a request from `origin`. Public documents are readable from every origin.
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

/// Parts of a request that decide the headers of its response.
pub(crate) struct HeaderContext {
    /// Request id to return.
    pub(crate) id: RequestId,
    /// `Origin` header of the request.
    pub(crate) origin: Option<HeaderValue>,
    /// True for the path of a well-known document, readable from every origin (http §5).
    pub(crate) public: bool,
}

/// Adds the common headers to a response.
pub(crate) fn add(headers: &mut HeaderMap, request: &HeaderContext, cors: &CorsOrigins) {
    headers.insert(X_PROTOCOL_VERSION, PROTOCOL_VERSION);
    headers.insert(X_REQUEST_ID, request.id.header());
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, NO_SNIFFING);
    cors.allow(request.origin.as_ref(), request.public, headers);
}

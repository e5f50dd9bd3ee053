//! CORS headers: logins from web apps of other origins.

use http::{HeaderMap, HeaderValue, header};

const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, OPTIONS");
const ALLOWED: HeaderValue = HeaderValue::from_static("Content-Type");
const EXPOSED: HeaderValue = HeaderValue::from_static("Retry-After");
const MAX_AGE: HeaderValue = HeaderValue::from_static("86400");
const ORIGIN: HeaderValue = HeaderValue::from_static("Origin");
const ANY: HeaderValue = HeaderValue::from_static("*");

/// Origins whose pages may request tokens. No cookie is involved: a page needs the user's password.
#[derive(Clone, Debug)]
pub enum Origins {
    /// All origins.
    Any,
    /// Listed origins, compared byte by byte with the `Origin` header.
    Listed(Vec<HeaderValue>),
}

impl Origins {
    /// Adds the headers of a response to a request from `origin`. Public documents are readable from every origin.
    pub(crate) fn add(&self, origin: Option<&HeaderValue>, is_public: bool, headers: &mut HeaderMap) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
        match self {
            Self::Listed(listed) if !is_public => {
                headers.append(header::VARY, ORIGIN);
                if let Some(origin) = origin.filter(|origin| listed.contains(origin)) {
                    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
                }
            }
            Self::Any | Self::Listed(_) => {
                headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, ANY);
            }
        }
    }
}

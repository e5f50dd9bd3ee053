//! Request ids, which correlate the logs of client and server.

use http::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

/// Header with the request id.
pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Header with the trace of the client.
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Request id: that of the client if it is safe to log, else a random one.
#[derive(Clone, Debug)]
pub(crate) struct RequestId(HeaderValue);

impl RequestId {
    /// The id in `headers`, if it has 8 to 64 letters, digits, `_` and `-`.
    pub(crate) fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let value = headers.get(X_REQUEST_ID)?;
        let is_safe = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        let fits = (8..=64).contains(&value.len()) && value.as_bytes().iter().all(is_safe);
        fits.then(|| Self(value.clone()))
    }

    /// The trace id of the `traceparent` header (W3C Trace Context, level 1): 32 lower-case hexadecimal digits.
    pub(crate) fn from_traceparent(headers: &HeaderMap) -> Option<Self> {
        let mut parts = headers.get(TRACEPARENT)?.to_str().ok()?.split('-');
        let (version, trace, parent, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let is_hex = |part: &str, digits: usize| {
            part.len() == digits && part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        };
        let is_set = |part: &str| part.bytes().any(|byte| byte != b'0');
        // Version 00 has four parts; later ones may append to them, and ff is none.
        let has_form = is_hex(version, 2) && version != "ff" && (version != "00" || parts.next().is_none());
        let has_ids = is_hex(trace, 32) && is_set(trace) && is_hex(parent, 16) && is_set(parent);
        (has_form && has_ids && is_hex(flags, 2))
            .then(|| HeaderValue::from_str(trace).ok().map(Self))
            .flatten()
    }

    pub(crate) fn from_uuid(uuid: Uuid) -> Self {
        let mut text = Uuid::encode_buffer();
        let text = uuid.as_hyphenated().encode_lower(&mut text);
        // A UUID is printable ASCII, so the fallback is never used.
        Self(HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static("00000000")))
    }

    pub(crate) fn header(&self) -> HeaderValue {
        self.0.clone()
    }

    pub(crate) fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from_headers(value: &'static str) -> Option<String> {
        let headers = HeaderMap::from_iter([(X_REQUEST_ID, HeaderValue::from_static(value))]);
        RequestId::from_headers(&headers).map(|id| id.as_str().to_owned())
    }

    #[test]
    fn safe_ids_are_kept() {
        assert_eq!(from_headers("abc_DEF-12"), Some("abc_DEF-12".to_owned()));
        assert_eq!(from_headers("12345678"), Some("12345678".to_owned()));
    }

    #[test]
    fn short_long_and_unsafe_ids_are_rejected() {
        assert_eq!(from_headers("1234567"), None);
        assert_eq!(from_headers("with blank"), None);
        assert_eq!(from_headers("quote\"quote"), None);
        assert_eq!(from_headers("aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff12345"), None);
    }

    #[test]
    fn trace_id_of_a_valid_traceparent_is_an_id() {
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        let from = |value: &str| {
            let headers = HeaderMap::from_iter([(TRACEPARENT, HeaderValue::from_str(value).unwrap())]);
            RequestId::from_traceparent(&headers).map(|id| id.as_str().to_owned())
        };
        let parent = "00f067aa0ba902b7";
        assert_eq!(from(&format!("00-{trace}-{parent}-01")).as_deref(), Some(trace));
        assert_eq!(from(&format!("cc-{trace}-{parent}-01-more")).as_deref(), Some(trace));
        for invalid in [
            format!("ff-{trace}-{parent}-01"),
            format!("00-{trace}-{parent}-01-more"),
            format!("00-{}-{parent}-01", trace.to_uppercase()),
            format!("00-{}-{parent}-01", "0".repeat(32)),
            format!("00-{trace}-{}-01", "0".repeat(16)),
            format!("00-{trace}-{parent}"),
            trace.to_owned(),
        ] {
            assert_eq!(from(&invalid), None, "{invalid}");
        }
    }

    #[test]
    fn uuid_is_formatted_as_an_id() {
        assert_eq!(RequestId::from_uuid(Uuid::nil()).as_str(), "00000000-0000-0000-0000-000000000000");
    }
}

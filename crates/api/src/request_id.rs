//! The name of one request, for whoever has to find it in two logs.

use http::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

/// `X-Request-ID`.
pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// A request id: the client's own when it is harmless, else a random one.
#[derive(Clone, Debug)]
pub(crate) struct RequestId(HeaderValue);

impl RequestId {
    /// The id that came with the request, if it is 8 to 64 letters, digits, `_` and `-`.
    pub(crate) fn given(headers: &HeaderMap) -> Option<Self> {
        let value = headers.get(X_REQUEST_ID)?;
        let harmless = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        let fits = (8..=64).contains(&value.len()) && value.as_bytes().iter().all(harmless);
        fits.then(|| Self(value.clone()))
    }

    pub(crate) fn of(uuid: Uuid) -> Self {
        let mut text = Uuid::encode_buffer();
        let text = uuid.as_hyphenated().encode_lower(&mut text);
        // A UUID is printable; the fallback only keeps this free of panics.
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

    fn given(value: &'static str) -> Option<String> {
        let headers = HeaderMap::from_iter([(X_REQUEST_ID, HeaderValue::from_static(value))]);
        RequestId::given(&headers).map(|id| id.as_str().to_owned())
    }

    #[test]
    fn harmless_ids_are_taken_over() {
        assert_eq!(given("abc_DEF-12"), Some("abc_DEF-12".to_owned()));
        assert_eq!(given("12345678"), Some("12345678".to_owned()));
    }

    #[test]
    fn short_long_and_strange_ids_are_not() {
        assert_eq!(given("1234567"), None);
        assert_eq!(given("with blank"), None);
        assert_eq!(given("quote\"quote"), None);
        assert_eq!(given("aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff12345"), None);
    }

    #[test]
    fn a_uuid_makes_an_id() {
        assert_eq!(RequestId::of(Uuid::nil()).as_str(), "00000000-0000-0000-0000-000000000000");
    }
}

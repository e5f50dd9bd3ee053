//! Error responses to malformed requests.
//!
//! hyper responds to malformed request headers by itself, without a body and without the common headers. Before the first
//! complete request it writes nothing else, so its bytes are suppressed there and replaced by a JSON error response.

use http::{Response, StatusCode};

/// Serializes a response.
pub(super) fn to_bytes(response: &Response<String>) -> Vec<u8> {
    let status = response.status();
    let reason = status.canonical_reason().unwrap_or_default();
    let mut bytes = format!("HTTP/1.1 {} {reason}\r\n", status.as_str()).into_bytes();
    for (name, value) in response.headers() {
        let line: [&[u8]; 4] = [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"];
        bytes.extend(line.concat());
    }
    bytes.extend(format!("content-length: {}\r\n\r\n", response.body().len()).into_bytes());
    bytes.extend(response.body().as_bytes());
    bytes
}

/// Status code of the response that starts with `bytes`.
pub(super) fn status_of(bytes: &[u8]) -> Option<StatusCode> {
    StatusCode::from_bytes(bytes.strip_prefix(b"HTTP/1.1 ")?.get(..3)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn response_is_serialized() {
        let response = Response::builder().status(408).header("x-a", "1").body("{}".to_owned()).unwrap();
        let expected = "HTTP/1.1 408 Request Timeout\r\nx-a: 1\r\ncontent-length: 2\r\n\r\n{}";
        assert_eq!(String::from_utf8(to_bytes(&response)).unwrap(), expected);
    }

    #[test]
    fn status_is_parsed_from_the_first_bytes() {
        assert_eq!(
            status_of(b"HTTP/1.1 431 Request Header"),
            Some(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE)
        );
        assert_eq!(status_of(b"HTTP/1.1 4"), None);
        assert_eq!(status_of(b"\x81\x05hello"), None);
    }
}

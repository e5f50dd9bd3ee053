//! Answers to what never became a request.
//!
//! The HTTP library answers malformed heads by itself, without a body and without our headers. On a connection that has
//! not had a request yet nothing else can come from it, so there its words are held back and ours are said instead.

use http::{Response, StatusCode};

/// A response as octets.
pub(super) fn to_octets(response: &Response<String>) -> Vec<u8> {
    let status = response.status();
    let reason = status.canonical_reason().unwrap_or_default();
    let mut octets = format!("HTTP/1.1 {} {reason}\r\n", status.as_str()).into_bytes();
    for (name, value) in response.headers() {
        let line: [&[u8]; 4] = [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"];
        octets.extend(line.concat());
    }
    octets.extend(format!("content-length: {}\r\n\r\n", response.body().len()).into_bytes());
    octets.extend(response.body().as_bytes());
    octets
}

/// The status of a response of which `octets` are the beginning.
pub(super) fn status_of(octets: &[u8]) -> Option<StatusCode> {
    StatusCode::from_bytes(octets.strip_prefix(b"HTTP/1.1 ")?.get(..3)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_becomes_octets() {
        let response = Response::builder().status(408).header("x-a", "1").body("{}".to_owned()).unwrap();
        let expected = "HTTP/1.1 408 Request Timeout\r\nx-a: 1\r\ncontent-length: 2\r\n\r\n{}";
        assert_eq!(String::from_utf8(to_octets(&response)).unwrap(), expected);
    }

    #[test]
    fn a_status_is_found_in_the_first_octets() {
        assert_eq!(
            status_of(b"HTTP/1.1 431 Request Header"),
            Some(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE)
        );
        assert_eq!(status_of(b"HTTP/1.1 4"), None);
        assert_eq!(status_of(b"\x81\x05hello"), None);
    }
}

//! `Host` of a request (RFC 9112 §3.2, http §2 row 1a).

use http::uri::Authority;
use http::{HeaderMap, Version, header};

/// True unless the header is missing in HTTP/1.1, repeated, or not a host with an optional port. An empty one is valid: it
/// belongs to a target without an authority.
pub(super) fn has_valid_host(version: Version, headers: &HeaderMap) -> bool {
    let mut lines = headers.get_all(header::HOST).iter();
    match (lines.next(), lines.next()) {
        (None, _) => version < Version::HTTP_11,
        (Some(host), None) => host.to_str().is_ok_and(is_host),
        (Some(_), Some(_)) => false,
    }
}

fn is_host(text: &str) -> bool {
    if text.is_empty() {
        return true;
    }
    let Ok(authority) = text.parse::<Authority>() else { return false };
    // User information does not belong here, and the type leaves an empty host and the port unchecked.
    let port = text.strip_prefix(authority.host()).filter(|_| !authority.host().is_empty());
    port.is_some_and(|port| port.is_empty() || port.strip_prefix(':').is_some_and(is_port))
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && (text.is_empty() || text.parse::<u16>().is_ok())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn with(hosts: &[&'static str]) -> HeaderMap {
        hosts.iter().map(|host| (header::HOST, HeaderValue::from_static(host))).collect()
    }

    #[test]
    fn hosts_with_and_without_a_port_are_valid() {
        for host in
            ["a.example", "a.example:443", "a.example:", "[::1]", "[::1]:80", "127.0.0.1:1", "a_b", ""]
        {
            assert!(has_valid_host(Version::HTTP_11, &with(&[host])), "{host:?}");
        }
        assert!(has_valid_host(Version::HTTP_10, &with(&[])));
    }

    #[test]
    fn missing_repeated_and_malformed_hosts_are_invalid() {
        assert!(!has_valid_host(Version::HTTP_11, &with(&[])));
        for version in [Version::HTTP_10, Version::HTTP_11] {
            assert!(!has_valid_host(version, &with(&["a.example", "a.example"])));
            for host in ["a b", "http://a", "a/b", "u@a", "a:x", "a:65536", "a:80:80", "[::1", ":80"] {
                assert!(!has_valid_host(version, &with(&[host])), "{host:?}");
            }
            let latin1 = HeaderMap::from_iter([(header::HOST, HeaderValue::from_bytes(b"\xe4").unwrap())]);
            assert!(!has_valid_host(version, &latin1));
        }
    }
}

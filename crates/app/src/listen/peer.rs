//! Who is at the other end, when proxies are in between (http §2 row 1).

use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, HeaderName};
use ipnet::IpNet;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// Entries that are looked at, from the last one on.
const MAX_HOPS: usize = 32;

/// The address of the client: the peer's, or the last one in `X-Forwarded-For` that is not a trusted proxy itself.
/// What a client wrote there stands before what the proxies added, so it never counts.
pub(super) fn client_address(peer: SocketAddr, headers: &HeaderMap, trusted: &[IpNet]) -> SocketAddr {
    let trusts = |address: IpAddr| trusted.iter().any(|network| network.contains(&address));
    let mut client = peer;
    let hops = headers.get_all(X_FORWARDED_FOR).iter().rev().filter_map(|line| line.to_str().ok());
    for hop in hops.flat_map(|line| line.rsplit(',')).take(MAX_HOPS) {
        if !trusts(client.ip().to_canonical()) {
            return client;
        }
        let Some(address) = parse(hop.trim()) else { return client };
        client = address;
    }
    client
}

/// An address with or without a port.
fn parse(hop: &str) -> Option<SocketAddr> {
    let bare = hop.trim_start_matches('[').trim_end_matches(']');
    hop.parse().ok().or_else(|| bare.parse::<IpAddr>().ok().map(|address| SocketAddr::new(address, 0)))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn seen(peer: &str, lines: &[&'static str], trusted: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(X_FORWARDED_FOR, HeaderValue::from_static(line));
        }
        let trusted: Vec<IpNet> = trusted.iter().map(|network| network.parse().unwrap()).collect();
        client_address(peer.parse().unwrap(), &headers, &trusted).ip().to_string()
    }

    #[test]
    fn without_trust_the_header_says_nothing() {
        assert_eq!(seen("192.0.2.1:1", &["198.51.100.7"], &[]), "192.0.2.1");
        assert_eq!(seen("192.0.2.1:1", &["198.51.100.7"], &["10.0.0.0/8"]), "192.0.2.1");
    }

    #[test]
    fn a_trusted_proxy_is_believed() {
        assert_eq!(seen("10.0.0.1:1", &["198.51.100.7"], &["10.0.0.0/8"]), "198.51.100.7");
        assert_eq!(seen("10.0.0.1:1", &["198.51.100.7:4711"], &["10.0.0.0/8"]), "198.51.100.7");
        assert_eq!(seen("[::ffff:10.0.0.1]:1", &["2001:db8::1"], &["10.0.0.0/8"]), "2001:db8::1");
        assert_eq!(seen("10.0.0.1:1", &["[2001:db8::1]:80"], &["10.0.0.0/8"]), "2001:db8::1");
        assert_eq!(seen("10.0.0.1:1", &[], &["10.0.0.0/8"]), "10.0.0.1");
    }

    #[test]
    fn what_the_client_claims_does_not_count() {
        let trusted = ["10.0.0.0/8"];
        assert_eq!(seen("10.0.0.1:1", &["203.0.113.9, 198.51.100.7"], &trusted), "198.51.100.7");
        assert_eq!(seen("10.0.0.1:1", &["203.0.113.9", "198.51.100.7, 10.0.0.2"], &trusted), "198.51.100.7");
        assert_eq!(seen("10.0.0.1:1", &["198.51.100.7, unknown"], &trusted), "10.0.0.1");
    }
}

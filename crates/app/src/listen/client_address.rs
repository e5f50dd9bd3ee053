//! Client address behind trusted proxies, from `X-Forwarded-For` (http §2 row 1).

use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, HeaderName};
use ipnet::IpNet;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// Maximum number of `X-Forwarded-For` entries examined, from the last one backwards.
const MAX_HOPS: usize = 32;

/// Address of the client: that of the peer, or the last one in `X-Forwarded-For` that is not a trusted proxy itself.
///
/// Proxies append, so entries written by the client precede those of the proxies and are never used.
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

/// Parses an address with or without a port.
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
    fn header_of_an_untrusted_peer_is_ignored() {
        assert_eq!(seen("192.0.2.1:1", &["198.51.100.7"], &[]), "192.0.2.1");
        assert_eq!(seen("192.0.2.1:1", &["198.51.100.7"], &["10.0.0.0/8"]), "192.0.2.1");
    }

    #[test]
    fn header_of_a_trusted_proxy_is_used() {
        assert_eq!(seen("10.0.0.1:1", &["198.51.100.7"], &["10.0.0.0/8"]), "198.51.100.7");
        assert_eq!(seen("10.0.0.1:1", &["198.51.100.7:4711"], &["10.0.0.0/8"]), "198.51.100.7");
        assert_eq!(seen("[::ffff:10.0.0.1]:1", &["2001:db8::1"], &["10.0.0.0/8"]), "2001:db8::1");
        assert_eq!(seen("10.0.0.1:1", &["[2001:db8::1]:80"], &["10.0.0.0/8"]), "2001:db8::1");
        assert_eq!(seen("10.0.0.1:1", &[], &["10.0.0.0/8"]), "10.0.0.1");
    }

    #[test]
    fn entries_of_the_client_are_ignored() {
        let trusted = ["10.0.0.0/8"];
        assert_eq!(seen("10.0.0.1:1", &["203.0.113.9, 198.51.100.7"], &trusted), "198.51.100.7");
        assert_eq!(seen("10.0.0.1:1", &["203.0.113.9", "198.51.100.7, 10.0.0.2"], &trusted), "198.51.100.7");
        assert_eq!(seen("10.0.0.1:1", &["198.51.100.7, unknown"], &trusted), "10.0.0.1");
    }
}

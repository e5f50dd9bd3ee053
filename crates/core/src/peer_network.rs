//! Address under which a remote peer is counted.

use std::net::{IpAddr, Ipv6Addr};

/// Network of a remote peer, for limits per address: an IPv4 address, or the /64 of an IPv6 address, since every host has
/// all addresses of one. An IPv4 address that is mapped into IPv6 is the IPv4 address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PeerNetwork(IpAddr);

impl PeerNetwork {
    /// Network of the host at `address`.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        const NETWORK: u128 = u128::MAX << 64;
        Self(match address.to_canonical() {
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & NETWORK)),
            address @ IpAddr::V4(_) => address,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(address: &str) -> PeerNetwork {
        PeerNetwork::of(address.parse().unwrap())
    }

    #[test]
    fn addresses_of_one_host_count_as_one() {
        let cases = [
            ("192.0.2.1", "192.0.2.1", true),
            ("192.0.2.1", "192.0.2.2", false),
            ("192.0.2.1", "::ffff:192.0.2.1", true),
            ("::ffff:192.0.2.1", "::ffff:192.0.2.2", false),
            ("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", true),
            ("2001:db8:1:2::1", "2001:db8:1:3::1", false),
            ("::1", "::2", true),
        ];
        for (one, other, same) in cases {
            assert_eq!(network(one) == network(other), same, "{one} {other}");
        }
    }
}

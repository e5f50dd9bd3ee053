//! Free ports for programs that cannot say which one they have got.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::ops::Range;

/// Ports below those that the kernel gives to outgoing connections, of which the tests make thousands: a port that is free now is
/// free when the program begins to listen.
const PORTS: Range<u16> = 20_000..32_000;

/// A loopback address that no program listens on.
///
/// # Panics
/// No port is free.
#[must_use]
pub fn free_address() -> SocketAddr {
    let candidates =
        std::iter::repeat_with(|| SocketAddr::from((Ipv4Addr::LOCALHOST, rand::random_range(PORTS))));
    let is_free = |address: &SocketAddr| TcpListener::bind(address).is_ok();
    candidates.take(1000).find(is_free).expect("a free loopback port")
}

//! Limit of connections that wait for a request, per remote address (http §1.2).

use std::net::SocketAddr;
use std::sync::Arc;

use ipnet::IpNet;
use less_sync_core::PeerNetwork;
use less_sync_engine::Tallies;
use parking_lot::Mutex;

/// Counters of connections without a request: accepted ones before their first, and idle ones between two.
///
/// Peers that are trusted proxies are not counted, since their connections belong to many clients.
#[derive(Debug)]
pub(super) struct WaitingConnections {
    /// Maximum waiting connections of one address, inclusive.
    per_address: usize,
    proxies: Vec<IpNet>,
    counts: Mutex<Tallies<PeerNetwork>>,
}

/// Place of one connection among those that wait; empty while it has a request.
#[derive(Debug)]
pub(super) struct WaitingPlace {
    shared: Arc<WaitingConnections>,
    /// `None` for a proxy.
    peer: Option<PeerNetwork>,
    taken: Mutex<bool>,
}

impl WaitingConnections {
    pub(super) fn new(per_address: usize, proxies: Vec<IpNet>) -> Arc<Self> {
        Arc::new(Self { per_address: per_address.max(1), proxies, counts: Mutex::default() })
    }

    /// Place for an accepted connection; `None` if its address has too many.
    pub(super) fn admit(self: &Arc<Self>, peer: SocketAddr) -> Option<WaitingPlace> {
        let address = peer.ip().to_canonical();
        let is_proxy = self.proxies.iter().any(|network| network.contains(&address));
        let peer = (!is_proxy).then(|| PeerNetwork::of(address));
        let place = WaitingPlace { shared: self.clone(), peer, taken: Mutex::new(false) };
        place.take().then_some(place)
    }
}

impl WaitingPlace {
    /// Takes the place again after a request. Returns false if the address has too many waiting connections: then this one
    /// is to be closed.
    pub(super) fn take(&self) -> bool {
        let Some(peer) = self.peer else { return true };
        let mut taken = self.taken.lock();
        *taken = *taken || self.shared.counts.lock().add(peer, self.shared.per_address);
        *taken
    }

    /// Frees the place while the connection has a request.
    pub(super) fn free(&self) {
        let was_taken = std::mem::take(&mut *self.taken.lock());
        if let Some(peer) = self.peer.filter(|_| was_taken) {
            self.shared.counts.lock().remove(peer);
        }
    }
}

impl Drop for WaitingPlace {
    fn drop(&mut self) {
        self.free();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(address: &str) -> SocketAddr {
        SocketAddr::new(address.parse().unwrap(), 1)
    }

    #[test]
    fn waiting_connections_of_an_address_are_limited() {
        let waiting = WaitingConnections::new(2, vec!["10.0.0.0/8".parse().unwrap()]);
        let first = waiting.admit(peer("2001:db8::1")).unwrap();
        let second = waiting.admit(peer("2001:db8::2")).unwrap();
        assert!(waiting.admit(peer("2001:db8::3")).is_none(), "the same network");
        let _elsewhere = waiting.admit(peer("192.0.2.1")).unwrap();
        let _through_a_proxy: Vec<_> =
            (0..9).map(|_| waiting.admit(peer("::ffff:10.0.0.1")).unwrap()).collect();
        first.free();
        let third = waiting.admit(peer("2001:db8::3")).unwrap();
        assert!(!first.take(), "its place is taken");
        drop(third);
        assert!(first.take() && first.take());
        drop((first, second));
        assert!(waiting.admit(peer("2001:db8::1")).is_some());
    }

    #[test]
    fn closed_connections_leave_nothing() {
        let waiting = WaitingConnections::new(1, Vec::new());
        let place = waiting.admit(peer("192.0.2.1")).unwrap();
        place.free();
        place.free();
        assert!(waiting.counts.lock().is_empty());
        assert!(place.take());
        drop(place);
        assert!(waiting.counts.lock().is_empty());
    }
}

//! Connection limits per mailbox, actor, remote address and process (protocol §1.9).
//!
//! Each node of a deployment has its share of them, except of the limit of the process.
//! The newest connection is rejected. Existing connections are never evicted: an evicted client would reconnect and evict
//! another one in turn. Users and mailboxes are counted under keyed hashes, and only while they are connected.

use std::fmt;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::Arc;

use less_sync_auth::Caller;
use less_sync_core::PeerNetwork;
use less_sync_engine::{LiveNodes, Tallies};
use parking_lot::Mutex;

use crate::limits::Limits;
use crate::metrics::ConnectionMetrics;

/// Rejection of an upgrade.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AddressRejected {
    /// The process has reached its limit.
    #[error("too many connections")]
    Total,
    /// The remote address has reached its limit of unauthenticated connections.
    #[error("too many unauthenticated connections from one address")]
    Address,
}

/// Rejection of an authenticated connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ConnectionRejected {
    /// The mailbox, or the user and client, has reached its limit.
    #[error("too many connections of one mailbox")]
    Mailbox,
    /// The actor has reached its limit.
    #[error("too many connections of one actor")]
    Actor,
}

/// Maximum numbers of connections, inclusive; 0 disables a limit.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    per_mailbox: usize,
    per_actor: usize,
    total: usize,
    unauthenticated_per_address: usize,
}

/// Counters of connections. A connection counts until its permit is dropped.
pub(crate) struct Registry {
    bounds: Bounds,
    nodes: LiveNodes,
    hasher: RandomState,
    counts: Mutex<Counts>,
    metrics: Arc<ConnectionMetrics>,
}

#[derive(Default)]
struct Counts {
    addresses: Tallies<PeerNetwork>,
    mailboxes: Tallies<u64>,
    actors: Tallies<u64>,
    /// Number of unauthenticated connections.
    unauthenticated: usize,
    /// Number of authenticated connections.
    registered: usize,
}

impl Registry {
    pub(crate) fn new(limits: &Limits, nodes: LiveNodes, metrics: Arc<ConnectionMetrics>) -> Arc<Self> {
        let bounds = Bounds {
            per_mailbox: limits.max_connections_per_mailbox,
            per_actor: limits.max_connections_per_actor,
            total: limits.max_connections_total,
            unauthenticated_per_address: limits.max_unauthenticated_per_address,
        };
        Arc::new(Self { bounds, nodes, hasher: RandomState::new(), counts: Mutex::default(), metrics })
    }

    /// Counts an unauthenticated connection from `address`. Its permit is held until the connection has authenticated.
    pub(crate) fn admit(self: &Arc<Self>, address: PeerNetwork) -> Result<AddressPermit, AddressRejected> {
        let mut counts = self.counts.lock();
        if is_reached(self.bounds.total, counts.unauthenticated + counts.registered) {
            return Err(AddressRejected::Total);
        }
        if !counts.addresses.add(address, self.nodes.share(self.bounds.unauthenticated_per_address)) {
            return Err(AddressRejected::Address);
        }
        counts.unauthenticated += 1;
        Ok(AddressPermit { registry: self.clone(), address })
    }

    /// Counts an authenticated connection of `caller`. Its permit is held for the lifetime of the connection, and its
    /// [`AddressPermit`] is dropped.
    pub(crate) fn register(
        self: &Arc<Self>,
        caller: &Caller,
    ) -> Result<ConnectionPermit, ConnectionRejected> {
        let (mailbox, actor) = (self.mailbox_key(caller), self.actor_key(caller));
        let mut counts = self.counts.lock();
        if !counts.mailboxes.add(mailbox, self.nodes.share(self.bounds.per_mailbox)) {
            return Err(ConnectionRejected::Mailbox);
        }
        if !counts.actors.add(actor, self.nodes.share(self.bounds.per_actor)) {
            // The mailbox was counted above: a rejection must leave no trace.
            counts.mailboxes.remove(mailbox);
            return Err(ConnectionRejected::Actor);
        }
        counts.registered += 1;
        self.metrics.connections.inc();
        Ok(ConnectionPermit { registry: self.clone(), mailbox, actor })
    }

    /// Key of an installation: its mailbox within the issuer, or else its user and client. Another issuer can name the same
    /// mailbox, but does not use up its connections.
    fn mailbox_key(&self, caller: &Caller) -> u64 {
        match &caller.mailbox_id {
            Some(mailbox) => self.key(("mailbox", &caller.issuer, mailbox)),
            None => self.key(("client", &caller.issuer, &caller.user_id, &caller.client_id)),
        }
    }

    /// Key of another server, for its share of the memory for messages.
    pub(crate) fn peer_key(&self, peer: &str) -> u64 {
        self.key(("peer", peer))
    }

    fn actor_key(&self, caller: &Caller) -> u64 {
        self.key(("actor", &caller.issuer, &caller.user_id))
    }

    /// Keyed hash with a key of this process: a memory dump contains no identities, and collisions cannot be chosen.
    fn key(&self, of: impl Hash) -> u64 {
        self.hasher.hash_one(of)
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").field("bounds", &self.bounds).finish_non_exhaustive()
    }
}

/// Permit of an unauthenticated connection.
#[derive(Debug)]
pub(crate) struct AddressPermit {
    registry: Arc<Registry>,
    address: PeerNetwork,
}

impl AddressPermit {
    /// Network of the remote peer.
    pub(crate) fn address(&self) -> PeerNetwork {
        self.address
    }
}

impl Drop for AddressPermit {
    fn drop(&mut self) {
        let mut counts = self.registry.counts.lock();
        counts.addresses.remove(self.address);
        counts.unauthenticated -= 1;
    }
}

/// Permit of an authenticated connection.
#[derive(Debug)]
pub(crate) struct ConnectionPermit {
    registry: Arc<Registry>,
    mailbox: u64,
    actor: u64,
}

impl ConnectionPermit {
    /// Key of the actor, the same for all of its connections.
    pub(crate) fn actor(&self) -> u64 {
        self.actor
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        let mut counts = self.registry.counts.lock();
        counts.mailboxes.remove(self.mailbox);
        counts.actors.remove(self.actor);
        counts.registered -= 1;
        self.registry.metrics.connections.dec();
    }
}

fn is_reached(bound: usize, count: usize) -> bool {
    bound > 0 && count >= bound
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use less_sync_core::Timestamp;

    use super::*;

    fn address() -> PeerNetwork {
        PeerNetwork::of(Ipv4Addr::LOCALHOST.into())
    }

    fn registry(mailbox: usize, actor: usize, total: usize, address: usize) -> Arc<Registry> {
        let limits = Limits {
            max_connections_per_mailbox: mailbox,
            max_connections_per_actor: actor,
            max_connections_total: total,
            max_unauthenticated_per_address: address,
            ..Limits::default()
        };
        Registry::new(&limits, LiveNodes::default(), Arc::default())
    }

    fn caller(user: &str, client: &str, mailbox: Option<&str>) -> Caller {
        Caller {
            issuer: "https://id.example".to_owned(),
            user_id: user.parse().unwrap(),
            client_id: client.parse().unwrap(),
            scopes: less_sync_auth::Scopes::new("sync"),
            did: None,
            mailbox_id: mailbox.map(|digit| digit.repeat(64).parse().unwrap()),
            personal_space: None,
            expires_at: Timestamp::from_seconds(0),
            token_id: None,
        }
    }

    fn is_clean(registry: &Registry) -> bool {
        let counts = registry.counts.lock();
        counts.addresses.is_empty()
            && counts.mailboxes.is_empty()
            && counts.actors.is_empty()
            && counts.unauthenticated + counts.registered == 0
    }

    /// P-223.
    #[test]
    fn newest_connection_beyond_the_limit_of_a_mailbox_is_rejected() {
        let registry = registry(2, 30, 0, 0);
        let one = caller("user", "client", Some("a"));
        let first = registry.register(&one).unwrap();
        let _second = registry.register(&one).unwrap();
        assert_eq!(registry.register(&one).unwrap_err(), ConnectionRejected::Mailbox);
        registry.register(&caller("user", "client", Some("b"))).unwrap();
        drop(first);
        registry.register(&one).unwrap();
    }

    #[test]
    fn mailboxes_of_other_issuers_are_other_mailboxes() {
        let registry = registry(1, 30, 0, 0);
        let own = caller("user", "client", Some("a"));
        let foreign = Caller { issuer: "https://other.example".to_owned(), ..own.clone() };
        let _foreign = registry.register(&foreign).unwrap();
        assert_eq!(registry.register(&foreign).unwrap_err(), ConnectionRejected::Mailbox);
        registry.register(&own).unwrap();
    }

    /// P-223: a limit can be disabled.
    #[test]
    fn limit_of_zero_is_disabled() {
        let registry = registry(0, 0, 0, 0);
        let permits: Vec<_> =
            (0..100).map(|_| registry.register(&caller("user", "client", Some("a"))).unwrap()).collect();
        assert_eq!(registry.metrics.connections.get(), 100);
        drop(permits);
        assert_eq!(registry.metrics.connections.get(), 0);
    }

    #[test]
    fn without_a_mailbox_user_and_client_count() {
        let registry = registry(1, 30, 0, 0);
        let _one = registry.register(&caller("user", "client", None)).unwrap();
        assert!(registry.register(&caller("user", "client", None)).is_err());
        registry.register(&caller("user", "other client", None)).unwrap();
        registry.register(&caller("other user", "client", None)).unwrap();
        registry.register(&caller("user", "client", Some("a"))).unwrap();
    }

    #[test]
    fn an_actor_is_limited_across_mailboxes_and_a_rejection_leaves_no_trace() {
        let registry = registry(10, 2, 0, 0);
        let permits =
            ["a", "b"].map(|mailbox| registry.register(&caller("user", "client", Some(mailbox))).unwrap());
        let third = registry.register(&caller("user", "client", Some("c")));
        assert_eq!(third.unwrap_err(), ConnectionRejected::Actor);
        registry.register(&caller("other user", "client", Some("c"))).unwrap();
        drop(permits);
        assert!(is_clean(&registry));
    }

    #[test]
    fn limit_of_the_process_counts_all_connections() {
        let registry = registry(10, 30, 2, 32);
        let waiting = registry.admit(address()).unwrap();
        let connection = registry.register(&caller("user", "client", None)).unwrap();
        drop(waiting);
        let _other = registry.admit(address()).unwrap();
        assert_eq!(registry.admit(address()).unwrap_err(), AddressRejected::Total);
        drop(connection);
        registry.admit(address()).unwrap();
    }

    #[test]
    fn an_address_is_limited_until_its_connections_authenticate() {
        let registry = registry(10, 30, 100, 1);
        let first = registry.admit(address()).unwrap();
        assert_eq!(registry.admit(address()).unwrap_err(), AddressRejected::Address);
        let elsewhere = registry.admit(PeerNetwork::of(IpAddr::from([192, 0, 2, 1]))).unwrap();
        let _permit = registry.register(&caller("user", "client", None)).unwrap();
        drop(first);
        drop(registry.admit(address()).unwrap());
        drop(elsewhere);
        assert!(registry.counts.lock().addresses.is_empty());
    }

    /// An IPv6 host has all addresses of a /64 at its disposal.
    #[test]
    fn addresses_of_one_network_share_a_limit() {
        let registry = registry(10, 30, 100, 1);
        let admit = |text: &str| registry.admit(PeerNetwork::of(text.parse().unwrap()));
        let _one = admit("2001:db8:0:1::1").unwrap();
        assert_eq!(admit("2001:db8:0:1:ffff::2").unwrap_err(), AddressRejected::Address);
        assert!(admit("2001:db8:0:2::1").is_ok());
    }

    /// P-227. A permit cannot be released twice: dropping it consumes it.
    #[test]
    fn connections_that_end_leave_no_trace() {
        let registry = registry(3, 5, 100, 100);
        for round in 0..10 {
            let waiting = registry.admit(address()).unwrap();
            let permits = registry.register(&caller(&round.to_string(), "client", Some("a"))).unwrap();
            drop((waiting, permits));
        }
        assert!(is_clean(&registry));
    }
}

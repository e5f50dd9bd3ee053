//! Subscribers of one space, ordered by connection.

use std::sync::Arc;

use less_sync_core::ConnectionId;
use less_sync_engine::TokenChain;

use super::subscriber::Subscriber;
use crate::outbox::Outbox;
use crate::subscription_id::SubscriptionId;

/// Subscribers of one space in a vector sorted by connection: 48 bytes for one, binary search and linear fan-out for
/// thousands.
#[derive(Debug, Default)]
pub(super) struct Subscribers(Vec<Subscriber>);

impl Subscribers {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// True if a connection other than `origin` is subscribed.
    pub(super) fn any_except(&self, origin: Option<ConnectionId>) -> bool {
        self.0.iter().any(|subscriber| Some(subscriber.connection) != origin)
    }

    /// Calls `visit` with every chain that authorizes a subscription.
    pub(super) fn each_chain(&self, mut visit: impl FnMut(&dyn TokenChain)) {
        for authority in self.0.iter().filter_map(Subscriber::authority) {
            authority.each_chain(&mut visit);
        }
    }

    pub(super) fn find(&self, connection: ConnectionId) -> Option<&Subscriber> {
        self.0.get(self.search(connection).ok()?)
    }

    pub(super) fn find_mut(&mut self, connection: ConnectionId) -> Option<&mut Subscriber> {
        let index = self.search(connection).ok()?;
        self.0.get_mut(index)
    }

    pub(super) fn iter(&self) -> std::slice::Iter<'_, Subscriber> {
        self.0.iter()
    }

    pub(super) fn iter_mut(&mut self) -> std::slice::IterMut<'_, Subscriber> {
        self.0.iter_mut()
    }

    /// Registers `connection`, as a new subscriber or anew. `revocations`: revocations in the space so far. True if the
    /// subscriber is new.
    pub(super) fn register(
        &mut self,
        connection: ConnectionId,
        outbox: &Arc<Outbox>,
        id: SubscriptionId,
        revocations: u64,
    ) -> bool {
        if let Some(subscriber) = self.find_mut(connection) {
            subscriber.register_again(id, revocations);
            return false;
        }
        if self.0.capacity() == 0 {
            // Most spaces have one or two subscribers; the first growth of a `Vec` would allocate four.
            self.0.reserve_exact(1);
        }
        let index = self.search(connection).unwrap_or_else(|index| index);
        self.0.insert(index, Subscriber::new(connection, outbox.clone(), id, revocations));
        true
    }

    /// False if `connection` is not subscribed.
    pub(super) fn remove(&mut self, connection: ConnectionId) -> bool {
        let Ok(index) = self.search(connection) else { return false };
        self.0.remove(index);
        self.shrink();
        true
    }

    /// Removes the subscribers whose connection is closing, and returns their connections.
    pub(super) fn remove_closing(&mut self) -> Vec<ConnectionId> {
        let is_closing = |subscriber: &mut Subscriber| subscriber.outbox.closing().is_some();
        let removed = self.0.extract_if(.., is_closing).map(|subscriber| subscriber.connection).collect();
        self.shrink();
        removed
    }

    fn search(&self, connection: ConnectionId) -> Result<usize, usize> {
        self.0.binary_search_by_key(&connection, |subscriber| subscriber.connection)
    }

    /// Frees memory after a crowd has left; the factor of two between the bounds keeps it from thrashing.
    fn shrink(&mut self) {
        if self.0.capacity() > 4 * self.0.len() {
            self.0.shrink_to(2 * self.0.len());
        }
    }
}

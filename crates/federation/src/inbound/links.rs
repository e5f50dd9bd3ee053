//! Open links of peers: their number, and their end when trust ends.

use std::collections::HashMap;
use std::sync::Arc;

use less_sync_auth::federation::KeyId;
use less_sync_core::wire::event::{Revoked, TRUST_REVOKED};
use less_sync_core::wire::method;
use less_sync_core::{Close, ConnectionId, PeerId, frame};
use less_sync_realtime::Outbox;
use parking_lot::Mutex;

use super::peer_state::{PeerState, PeerStates};
use crate::trust::TrustSnapshot;

/// Notifications to a peer that is not trusted any more, per link.
const MAX_FAREWELLS: usize = 1000;

/// Registry of inbound links.
#[derive(Debug, Default)]
pub(super) struct Links {
    open: Mutex<HashMap<ConnectionId, OpenLink>>,
}

#[derive(Debug)]
struct OpenLink {
    peer: PeerId,
    key_id: KeyId,
    /// False for a link beyond the limit, which is closed at once.
    is_counted: bool,
    /// Queue of the link, once its socket is open.
    outbox: Option<Arc<Outbox>>,
    /// Close that was requested before the socket was open.
    close: Option<Close>,
}

impl Links {
    /// Registers a link of `peer`; false when the peer has `max` links already. The link counts until its slot is dropped.
    pub(super) fn open(
        self: &Arc<Self>,
        id: ConnectionId,
        peer: &PeerId,
        key_id: &KeyId,
        max: u32,
    ) -> (LinkSlot, bool) {
        let mut open = self.open.lock();
        let count = open.values().filter(|link| link.is_counted && link.peer == *peer).count();
        let is_counted = u32::try_from(count).is_ok_and(|count| count < max);
        let (peer, key_id) = (peer.clone(), key_id.clone());
        // Event name of federation §18.4.
        tracing::info!(%peer, connection_id = %id, direction = "inbound", "federation.link_up");
        open.insert(id, OpenLink { peer, key_id, is_counted, outbox: None, close: None });
        (LinkSlot { links: self.clone(), id }, is_counted)
    }

    /// Takes over the queue of a link; a close that was requested before takes effect now.
    pub(super) fn attach(&self, id: ConnectionId, outbox: &Arc<Outbox>) {
        if let Some(link) = self.open.lock().get_mut(&id) {
            link.outbox = Some(outbox.clone());
            if let Some(close) = link.close {
                outbox.close(close);
            }
        }
    }

    /// Closes all links of `peer`.
    pub(super) fn close_all(&self, peer: &PeerId, close: Close) {
        for link in self.open.lock().values_mut().filter(|link| link.peer == *peer) {
            link.close = Some(close);
            if let Some(outbox) = &link.outbox {
                outbox.close(close);
            }
        }
    }

    /// Number of counted links of `peer`.
    pub(super) fn count_of(&self, peer: &PeerId) -> usize {
        self.open.lock().values().filter(|link| link.is_counted && link.peer == *peer).count()
    }

    /// Number of counted links.
    pub(super) fn count(&self) -> usize {
        self.open.lock().values().filter(|link| link.is_counted).count()
    }

    /// Closes the links that `trust` does not allow any more.
    pub(super) fn enforce(&self, trust: &TrustSnapshot, has_discovery: bool, states: &PeerStates) {
        for (id, link) in self.open.lock().iter_mut() {
            let Some(close) = ending(link, trust, has_discovery) else { continue };
            // Event name of federation §18.4.
            tracing::warn!(peer = %link.peer, reason = close.reason, "federation.trust_revoked");
            if link.close.replace(close).is_some() {
                continue;
            }
            match &link.outbox {
                Some(outbox) if close == Close::TRUST_REVOKED => {
                    announce(outbox, *id, states.known(&link.peer).as_deref());
                    outbox.finish(close);
                }
                Some(outbox) => {
                    outbox.close(close);
                }
                None => {}
            }
        }
    }
}

/// Queues the end of the subscriptions of a link whose peer is not trusted any more (federation §5.5 step 2).
fn announce(outbox: &Outbox, link: ConnectionId, state: Option<&PeerState>) {
    let watched = state.map(|state| state.watched.of_link(link, MAX_FAREWELLS)).unwrap_or_default();
    for space in watched {
        let revoked = Revoked { space, reason: TRUST_REVOKED };
        outbox.durable(Some(space), frame::notification(method::REVOKED, &revoked));
    }
}

/// Close of a link that is not allowed any more.
fn ending(link: &OpenLink, trust: &TrustSnapshot, has_discovery: bool) -> Option<Close> {
    let Some(peer) = trust.peer(&link.peer).filter(|peer| peer.may_dial()) else {
        return Some(Close::TRUST_REVOKED);
    };
    let is_known = peer.static_keys(link.key_id.as_str()).next().is_some() || peer.has_key_set(has_discovery);
    (!is_known).then_some(Close::KEY_REMOVED)
}

/// Registration of one link, removed when it is dropped.
#[derive(Debug)]
pub(super) struct LinkSlot {
    links: Arc<Links>,
    id: ConnectionId,
}

impl Drop for LinkSlot {
    fn drop(&mut self) {
        let link = self.links.open.lock().remove(&self.id);
        if let Some(OpenLink { peer, .. }) = link {
            tracing::info!(%peer, connection_id = %self.id, "federation.link_down");
        }
    }
}

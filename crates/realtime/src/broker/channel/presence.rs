//! Presence and ephemeral events of one space (protocol §4.19).

use std::time::Instant;

use bytes::Bytes;
use less_sync_core::wire::event::{EphemeralEvent, Presence, PresenceLeave};
use less_sync_core::wire::method;
use less_sync_core::{ConnectionId, frame};

use super::super::deps::{Context, Deps};
use super::SpaceChannel;
use crate::outbox::Delivered;
use crate::presence::PresenceUpdate;

impl SpaceChannel {
    /// Sets the presence of `connection` at `now` and announces it to the other subscribers. Ignored unless the connection
    /// is subscribed, and beyond the maximum number of entries.
    pub(in super::super) fn set_presence(
        &mut self,
        connection: ConnectionId,
        data: &[u8],
        now: Instant,
        context: &mut Context<'_>,
    ) {
        if !self.is_subscribed(connection) {
            return;
        }
        let (space, deps) = (self.space, context.deps);
        match self.presence.set(connection, data, now, deps.settings.presence_per_space) {
            PresenceUpdate::Full => return,
            PresenceUpdate::Added => {
                deps.metrics.presence_entries.inc();
            }
            PresenceUpdate::Replaced { set_at } => context.ages.remove(set_at, space, connection),
        }
        context.ages.insert(now, space, connection);
        self.broadcast(Some(connection), deps, || {
            let peer = deps.peer_ids.peer_id(connection, space);
            frame::notification(method::PRESENCE, &Presence { space, peer: &peer, data })
        });
    }

    /// Removes the presence of `connection`, if any, and announces that to all live subscribers but `except`.
    pub(in super::super) fn clear_presence(
        &mut self,
        connection: ConnectionId,
        except: Option<ConnectionId>,
        context: &mut Context<'_>,
    ) {
        let Some(set_at) = self.presence.remove(connection) else { return };
        let (space, deps) = (self.space, context.deps);
        context.ages.remove(set_at, space, connection);
        deps.metrics.presence_entries.dec();
        self.broadcast(except, deps, || {
            let peer = deps.peer_ids.peer_id(connection, space);
            frame::notification(method::PRESENCE_LEAVE, &PresenceLeave { space, peer: &peer })
        });
    }

    /// Sends an ephemeral event of `connection` to the other subscribers. Ignored unless the connection is subscribed.
    pub(in super::super) fn send_event(&self, connection: ConnectionId, data: &[u8], deps: &Deps) {
        if !self.is_subscribed(connection) {
            return;
        }
        let space = self.space;
        self.broadcast(Some(connection), deps, || {
            let peer = deps.peer_ids.peer_id(connection, space);
            frame::notification(method::EVENT, &EphemeralEvent { space, peer: &peer, data })
        });
    }

    /// Queues an ephemeral frame for one connection, if its subscription is live.
    pub(in super::super) fn send_ephemeral(&self, connection: ConnectionId, frame: Bytes) {
        if let Some(subscriber) = self.subscribers.find(connection)
            && subscriber.is_live()
        {
            subscriber.outbox.ephemeral(self.space, frame);
        }
    }

    /// Presence of up to `max` connections other than `except`.
    pub(in super::super) fn peers(&self, except: ConnectionId, max: usize) -> Vec<(ConnectionId, Bytes)> {
        self.presence.peers(except, max)
    }

    /// Queues an ephemeral frame for all live subscribers but `except`. Encodes it only if there is one.
    fn broadcast(&self, except: Option<ConnectionId>, deps: &Deps, encode: impl FnOnce() -> Bytes) {
        let mut recipients = self
            .subscribers
            .iter()
            .filter(|subscriber| Some(subscriber.connection) != except && subscriber.is_live())
            .peekable();
        if recipients.peek().is_none() {
            return;
        }
        let frame = encode();
        let (mut queued, mut dropped) = (0, 0);
        // Internal iteration: `next` of a peekable filter would check for a peeked item once per subscriber.
        recipients.for_each(|subscriber| match subscriber.outbox.ephemeral(self.space, frame.clone()) {
            Delivered::Queued => queued += 1,
            Delivered::Displaced => (queued, dropped) = (queued + 1, dropped + 1),
            // Left to the next durable event or to the teardown of the connection.
            Delivered::TooSlow | Delivered::Closed => {}
        });
        deps.metrics.ephemeral_delivered.inc_by(queued);
        deps.metrics.ephemeral_dropped.inc_by(dropped);
    }
}

//! Presence and ephemeral events of one space (protocol §4.19).

use std::time::Instant;

use bytes::Bytes;
use less_sync_core::wire::event::{EphemeralEvent, Presence, PresenceLeave};
use less_sync_core::wire::method;
use less_sync_core::{ConnectionId, frame};
use less_sync_engine::ports::{EphemeralChange, EphemeralKind};

use super::super::deps::{Context, Deps};
use super::super::subscriber::Subscriber;
use super::SpaceChannel;
use crate::outbox::Delivered;
use crate::presence::{PresenceUpdate, Presenter};

impl SpaceChannel {
    /// Sets the presence of `connection` at `now` and announces it to the other subscribers; returns their number. Ignored
    /// unless the connection is subscribed, and beyond the maximum number of entries.
    pub(in super::super) fn set_presence(
        &mut self,
        connection: ConnectionId,
        data: &[u8],
        now: Instant,
        context: &mut Context<'_>,
    ) -> usize {
        if !self.is_subscribed(connection) {
            return 0;
        }
        let receivers = self.enter_presence(connection.into(), Some(connection), (data, now), context);
        if receivers.is_some() {
            let data = || EphemeralKind::Present(Bytes::copy_from_slice(data));
            self.tell(connection, data, context.deps);
        }
        receivers.unwrap_or(0)
    }

    /// Sets the presence of `presenter` and announces it to all live subscribers but `except`; returns their number. None
    /// beyond the maximum number of entries.
    fn enter_presence(
        &mut self,
        presenter: Presenter,
        except: Option<ConnectionId>,
        (data, now): (&[u8], Instant),
        context: &mut Context<'_>,
    ) -> Option<usize> {
        let (space, deps) = (self.space, context.deps);
        match self.presence.set(presenter, data, now, deps.settings.presence_per_space) {
            PresenceUpdate::Full => return None,
            PresenceUpdate::Added => {
                deps.metrics.presence_entries.inc();
            }
            PresenceUpdate::Replaced { set_at } => context.ages.remove(set_at, space, presenter),
        }
        context.ages.insert(now, space, presenter);
        Some(self.broadcast(except, deps, || {
            let peer = deps.peer_ids.peer_id(presenter, space);
            frame::notification(method::PRESENCE, &Presence { space, peer: &peer, data })
        }))
    }

    /// Removes the presence of `presenter`, if any, and announces that to all live subscribers but `except`; returns their
    /// number.
    pub(in super::super) fn clear_presence(
        &mut self,
        presenter: impl Into<Presenter>,
        except: Option<ConnectionId>,
        context: &mut Context<'_>,
    ) -> usize {
        let presenter = presenter.into();
        let Some(set_at) = self.presence.remove(presenter) else { return 0 };
        let (space, deps) = (self.space, context.deps);
        context.ages.remove(set_at, space, presenter);
        deps.metrics.presence_entries.dec();
        if let Presenter::Connection(connection) = presenter {
            self.tell(connection, || EphemeralKind::Left, deps);
        }
        self.broadcast(except, deps, || {
            let peer = deps.peer_ids.peer_id(presenter, space);
            frame::notification(method::PRESENCE_LEAVE, &PresenceLeave { space, peer: &peer })
        })
    }

    /// Receives presence or an event of a peer on another node.
    pub(in super::super) fn receive_ephemeral(
        &mut self,
        change: &EphemeralChange,
        now: Instant,
        context: &mut Context<'_>,
    ) {
        let (space, presenter) = (self.space, Presenter::Remote(change.peer));
        match &change.kind {
            EphemeralKind::Present(data) => {
                if self.enter_presence(presenter, None, (data, now), context).is_some() {
                    self.remember_late(presenter);
                }
            }
            EphemeralKind::Left => {
                self.clear_presence(presenter, None, context);
            }
            EphemeralKind::Event(data) => {
                self.broadcast(None, context.deps, || {
                    let peer = context.deps.peer_ids.peer_id(presenter, space);
                    frame::notification(method::EVENT, &EphemeralEvent { space, peer: &peer, data })
                });
            }
        }
    }

    /// Remembers a peer for the subscribers that are not live yet: the first subscriber of a node has asked for the presence on
    /// other nodes, and the response may be under way to it.
    fn remember_late(&mut self, presenter: Presenter) {
        let is_any_pending = self.subscribers.iter().any(|subscriber| !subscriber.is_live());
        if is_any_pending && !self.late_peers.contains(&presenter) {
            self.late_peers.push(presenter);
        }
    }

    /// Sends the presence that came while `connection` was not live.
    pub(in super::super) fn send_late_peers(&mut self, connection: ConnectionId, deps: &Deps) {
        let space = self.space;
        // As many as there are entries at most, which are bounded.
        for presenter in &self.late_peers {
            let Some(data) = self.presence.data(*presenter) else { continue };
            let peer = deps.peer_ids.peer_id(*presenter, space);
            let presence = Presence { space, peer: &peer, data: &data };
            self.send_ephemeral(connection, frame::notification(method::PRESENCE, &presence));
        }
        if self.subscribers.iter().all(Subscriber::is_live) {
            self.late_peers = Vec::new();
        }
    }

    /// Presence of the connections of this node, for another one.
    pub(in super::super) fn local_presence(&self, deps: &Deps) -> Vec<EphemeralChange> {
        let space = self.space;
        let change = |(presenter, data)| EphemeralChange {
            space,
            peer: deps.peer_ids.name(presenter, space),
            kind: EphemeralKind::Present(data),
        };
        self.presence.local().map(change).collect()
    }

    /// Passes presence or an event of `connection` on to other nodes.
    fn tell(&self, connection: ConnectionId, kind: impl FnOnce() -> EphemeralKind, deps: &Deps) {
        if deps.deployment.has_others() {
            let peer = deps.peer_ids.name(connection.into(), self.space);
            deps.deployment.ephemeral(EphemeralChange { space: self.space, peer, kind: kind() });
        }
    }

    /// Sends an ephemeral event of `connection` to the other subscribers; returns their number. Ignored unless the connection
    /// is subscribed.
    pub(in super::super) fn send_event(&self, connection: ConnectionId, data: &[u8], deps: &Deps) -> usize {
        if !self.is_subscribed(connection) {
            return 0;
        }
        let space = self.space;
        self.tell(connection, || EphemeralKind::Event(Bytes::copy_from_slice(data)), deps);
        self.broadcast(Some(connection), deps, || {
            let peer = deps.peer_ids.peer_id(connection, space);
            frame::notification(method::EVENT, &EphemeralEvent { space, peer: &peer, data })
        })
    }

    /// Queues an ephemeral frame for one connection, if its subscription is live.
    pub(in super::super) fn send_ephemeral(&self, connection: ConnectionId, frame: Bytes) {
        if let Some(subscriber) = self.subscribers.find(connection)
            && subscriber.is_live()
        {
            subscriber.outbox.ephemeral(self.space, frame);
        }
    }

    /// Presence of up to `max` peers other than `except`.
    pub(in super::super) fn peers(&self, except: ConnectionId, max: usize) -> Vec<(Presenter, Bytes)> {
        self.presence.peers(except, max)
    }

    /// Queues an ephemeral frame for all live subscribers but `except`, and returns their number. Encodes it only if there is
    /// one.
    fn broadcast(&self, except: Option<ConnectionId>, deps: &Deps, encode: impl FnOnce() -> Bytes) -> usize {
        let mut recipients = self
            .subscribers
            .iter()
            .filter(|subscriber| Some(subscriber.connection) != except && subscriber.is_live())
            .peekable();
        if recipients.peek().is_none() {
            return 0;
        }
        let frame = encode();
        let (mut queued, mut dropped) = (0_usize, 0);
        // Internal iteration: `next` of a peekable filter would check for a peeked item once per subscriber.
        recipients.for_each(|subscriber| match subscriber.outbox.ephemeral(self.space, frame.clone()) {
            Delivered::Queued => queued += 1,
            Delivered::Displaced => (queued, dropped) = (queued + 1, dropped + 1),
            // Left to the next durable event or to the teardown of the connection.
            Delivered::TooSlow | Delivered::Lost | Delivered::Closed => {}
        });
        deps.metrics.ephemeral_delivered.inc_by(queued as u64);
        deps.metrics.ephemeral_dropped.inc_by(dropped);
        queued
    }
}

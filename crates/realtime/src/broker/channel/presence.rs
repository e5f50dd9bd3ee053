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
use crate::presence::{NewPresence, PresenceUpdate, Presenter};

/// Outcome of entered presence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entered {
    /// Subscribers that were sent it.
    pub(super) receivers: usize,
    /// True for presence that other servers know.
    pub(super) is_heartbeat: bool,
}

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
        let new = NewPresence { presenter: connection.into(), owner: None, data, now };
        self.enter_presence(new, Some(connection), context).map_or(0, |entered| {
            let present = || EphemeralKind::Present(Bytes::copy_from_slice(data));
            self.tell(connection.into(), entered.is_heartbeat, present, context.deps);
            entered.receivers
        })
    }

    /// Sets presence and announces it to all live subscribers but `except`. None beyond the maximum number of entries.
    pub(super) fn enter_presence(
        &mut self,
        new: NewPresence<'_>,
        except: Option<ConnectionId>,
        context: &mut Context<'_>,
    ) -> Option<Entered> {
        let (space, deps) = (self.space, context.deps);
        let (presenter, data, now) = (new.presenter, new.data, new.now);
        let mut is_heartbeat = false;
        match self.presence.set(new, deps.settings.presence_per_space) {
            PresenceUpdate::Full => return None,
            PresenceUpdate::Added => {
                deps.metrics.presence_entries.inc();
            }
            PresenceUpdate::Replaced { set_at, is_heartbeat: is_repeated } => {
                is_heartbeat = is_repeated;
                context.ages.remove(set_at, space, presenter);
            }
        }
        context.ages.insert(now, space, presenter);
        let receivers = self.broadcast(except, is_heartbeat, deps, || {
            let peer = deps.peer_ids.peer_id(presenter, space);
            frame::notification(method::PRESENCE, &Presence { space, peer: &peer, data })
        });
        Some(Entered { receivers, is_heartbeat })
    }

    /// Clears the presence of `connection`, and that which has come over it, if it is the link of a server.
    pub(in super::super) fn clear_presence_of(
        &mut self,
        connection: ConnectionId,
        context: &mut Context<'_>,
    ) {
        self.clear_presence(connection, Some(connection), context);
        for presenter in self.presence.owned_by(connection) {
            self.clear_presence(presenter, Some(connection), context);
        }
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
        self.tell(presenter, false, || EphemeralKind::Left, deps);
        self.broadcast(except, false, deps, || {
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
        let presenter = Presenter::Remote(change.peer);
        match &change.kind {
            EphemeralKind::Present(data) => {
                let new = NewPresence { presenter, owner: None, data, now };
                if self.enter_presence(new, None, context).is_some() {
                    self.remember_late(presenter);
                }
            }
            EphemeralKind::Left => {
                self.clear_presence(presenter, None, context);
            }
            EphemeralKind::Event(data) => {
                self.broadcast_event(presenter, None, data, context.deps);
            }
        }
    }

    /// Remembers a peer for the subscribers that are not live yet: the first subscriber of a node has asked for the presence on
    /// other nodes, and the response may be under way to it.
    pub(super) fn remember_late(&mut self, presenter: Presenter) {
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

    /// Passes presence or an event of a connection, or from a link, on to other nodes; that of a connection to the home server of
    /// the space, too, unless the presence has not changed.
    pub(super) fn tell(
        &self,
        presenter: Presenter,
        is_heartbeat: bool,
        kind: impl FnOnce() -> EphemeralKind,
        deps: &Deps,
    ) {
        let home = match presenter {
            Presenter::Connection(_) => self.home.as_ref().filter(|_| !is_heartbeat),
            Presenter::Linked(_) => None,
            Presenter::Remote(_) | Presenter::AtHome(_) => return,
        };
        if home.is_none() && !deps.deployment.has_others() {
            return;
        }
        let peer = deps.peer_ids.name(presenter, self.space);
        let change = EphemeralChange { space: self.space, peer, kind: kind() };
        if let Some(home) = home {
            home.ephemeral(change.clone());
        }
        if deps.deployment.has_others() {
            deps.deployment.ephemeral(change);
        }
    }

    /// Sends an ephemeral event of `connection` to the other subscribers; returns their number. Ignored unless the connection
    /// is subscribed.
    pub(in super::super) fn send_event(&self, connection: ConnectionId, data: &[u8], deps: &Deps) -> usize {
        if !self.is_subscribed(connection) {
            return 0;
        }
        let event = || EphemeralKind::Event(Bytes::copy_from_slice(data));
        self.tell(connection.into(), false, event, deps);
        self.broadcast_event(connection.into(), Some(connection), data, deps)
    }

    pub(super) fn broadcast_event(
        &self,
        presenter: Presenter,
        except: Option<ConnectionId>,
        data: &[u8],
        deps: &Deps,
    ) -> usize {
        let space = self.space;
        self.broadcast(except, false, deps, || {
            let peer = deps.peer_ids.peer_id(presenter, space);
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

    /// Presence of up to `max` peers other than `except` and, if that is a link, than those of its server.
    pub(in super::super) fn peers(
        &self,
        except: ConnectionId,
        server: Option<&str>,
        max: usize,
    ) -> Vec<(Presenter, Bytes)> {
        self.presence.peers(except, server, max)
    }

    /// Queues an ephemeral frame for all live subscribers but `except`, and returns their number. Encodes it only if there is
    /// one. Links are not sent heartbeats.
    fn broadcast(
        &self,
        except: Option<ConnectionId>,
        is_heartbeat: bool,
        deps: &Deps,
        encode: impl FnOnce() -> Bytes,
    ) -> usize {
        let takes = |subscriber: &&Subscriber| {
            let is_other = Some(subscriber.connection) != except && subscriber.is_live();
            is_other && (!is_heartbeat || subscriber.outbox.takes_heartbeats())
        };
        let mut recipients = self.subscribers.iter().filter(takes).peekable();
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

//! Presence and ephemeral events of clients of other servers (federation §15).

use std::time::Instant;

use bytes::Bytes;
use less_sync_engine::ports::{EphemeralChange, EphemeralKind, PeerName};

use super::super::deps::Context;
use super::SpaceChannel;
use crate::presence::{LinkOwner, NewPresence, Presenter};

impl SpaceChannel {
    /// Receives presence or an event of a client of another server over its link, which has to be subscribed; returns the number of
    /// subscribers that were sent it.
    pub(in super::super) fn receive_from_server(
        &mut self,
        change: EphemeralChange,
        owner: LinkOwner,
        now: Instant,
        context: &mut Context<'_>,
    ) -> usize {
        let (link, presenter) = (owner.link, Presenter::Linked(change.peer));
        if !self.is_subscribed(link) {
            return 0;
        }
        match change.kind {
            EphemeralKind::Present(data) => {
                let new = NewPresence { presenter, owner: Some(owner), data: &data, now };
                self.enter_presence(new, Some(link), context).map_or(0, |entered| {
                    self.tell(
                        presenter,
                        entered.is_heartbeat,
                        || EphemeralKind::Present(data.clone()),
                        context.deps,
                    );
                    entered.receivers
                })
            }
            EphemeralKind::Left => self.clear_presence(presenter, Some(link), context),
            EphemeralKind::Event(data) => {
                let receivers = self.broadcast_event(presenter, Some(link), &data, context.deps);
                self.tell(presenter, false, || EphemeralKind::Event(data), context.deps);
                receivers
            }
        }
    }

    /// Receives presence or an event of a peer at the home server of the space.
    pub(in super::super) fn receive_from_home(
        &mut self,
        change: &EphemeralChange,
        now: Instant,
        context: &mut Context<'_>,
    ) {
        let presenter = Presenter::AtHome(change.peer);
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

    /// Replaces the presence at the home server of the space; announces what is different.
    pub(in super::super) fn replace_home_presence(
        &mut self,
        peers: &[(PeerName, Bytes)],
        now: Instant,
        context: &mut Context<'_>,
    ) {
        for presenter in self.presence.at_home() {
            if !peers.iter().any(|(peer, _)| Presenter::AtHome(*peer) == presenter) {
                self.clear_presence(presenter, None, context);
            }
        }
        for (peer, data) in peers {
            let presenter = Presenter::AtHome(*peer);
            if self.presence.data(presenter).as_ref() != Some(data) {
                let new = NewPresence { presenter, owner: None, data, now };
                self.enter_presence(new, None, context);
            }
        }
    }
}

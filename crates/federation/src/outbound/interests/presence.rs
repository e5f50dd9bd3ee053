//! Presence and ephemeral events between local clients and the home of their space (federation §15).

use bytes::Bytes;
use less_sync_core::cbor::{Decode as _, Encode};
use less_sync_core::wire::event::{EphemeralEvent, Presence, PresenceLeave};
use less_sync_core::wire::federation::{
    ForwardedEventSend, ForwardedPresenceClear, ForwardedPresenceSet, feature,
};
use less_sync_core::wire::method;
use less_sync_core::{SpaceId, limits};
use less_sync_engine::ports::{EphemeralChange, EphemeralKind, PeerName};

use super::Interests;
use super::presence_relay::{Step, rate};
use crate::bucket::Bucket;
use crate::outbound::notice::Notice;

impl Interests {
    /// Passes a change of a local client on. Called under locks of the broker: nothing is sent before the task comes to it.
    pub(in crate::outbound) fn ephemeral(&self, change: EphemeralChange) {
        if self.outbound.has_presence() {
            self.relay.add(change);
        }
    }

    /// Sends the changes of local clients, at their rate, and ends the presence of the peers at the home with the link to it. Never
    /// ends.
    pub(super) async fn relay(&self) {
        let clock = self.outbound.clock();
        let mut bucket = Bucket::new(clock.instant());
        let mut was_linked = false;
        loop {
            let is_linked = self.outbound.current_link(&self.peer).is_some();
            if was_linked && !is_linked {
                self.lose_peers();
            }
            was_linked = is_linked;
            match self.relay.next() {
                Some(Step::Send(change)) => self.send(&change, &mut bucket).await,
                Some(Step::Announce(space)) => {
                    for change in self.events.local_presence(space) {
                        self.send(&change, &mut bucket).await;
                    }
                }
                None => self.relay.changed().await,
            }
        }
    }

    async fn send(&self, change: &EphemeralChange, bucket: &mut Bucket) {
        if !self.outbound.has_feature(&self.peer, feature::PRESENCE) {
            return;
        }
        let clock = self.outbound.clock();
        while let Err(wait) = bucket.take(1, rate(), clock.instant()) {
            clock.sleep_until(clock.instant() + wait).await;
        }
        let (method, params) = encoded(change);
        self.outbound.notify(&self.peer, method, &params);
    }

    /// Ends the presence of all peers at the home, which is not connected any more.
    fn lose_peers(&self) {
        let spaces: Vec<SpaceId> = self.table.lock().keys().copied().collect();
        for space in spaces {
            self.events.present(space, Vec::new());
        }
    }

    /// Passes presence or an event of a peer at the home on, within the rate.
    pub(super) fn of_peer(&self, notice: Notice<'_>) {
        if !self.outbound.has_presence() || !self.outbound.has_feature(&self.peer, feature::PRESENCE) {
            return;
        }
        let Some(change) = decoded(notice) else { return };
        if !self.table.lock().contains_key(&change.space) {
            return self.foreign(change.space);
        }
        let now = self.outbound.clock().instant();
        // A leave removes an entry, so that there are no more of them than of entries.
        let is_charged = change.kind != EphemeralKind::Left;
        if is_charged && !self.relay.receives(now) {
            return;
        }
        self.events.ephemeral(&change);
    }
}

/// Notification to the home.
fn encoded(change: &EphemeralChange) -> (&'static str, Bytes) {
    let (space, peer) = (change.space.to_string(), change.peer.to_text());
    let (space, peer) = (space.as_str(), Some(peer.as_str()));
    let mut params = Vec::new();
    let method = match &change.kind {
        EphemeralKind::Present(data) => {
            ForwardedPresenceSet { space, peer, data }.encode(&mut params);
            method::PRESENCE_SET
        }
        EphemeralKind::Left => {
            ForwardedPresenceClear { space, peer }.encode(&mut params);
            method::PRESENCE_CLEAR
        }
        EphemeralKind::Event(data) => {
            ForwardedEventSend { space, peer, data }.encode(&mut params);
            method::EVENT_SEND
        }
    };
    (method, params.into())
}

/// Notification of the home; `None` for one beyond the bounds.
fn decoded(notice: Notice<'_>) -> Option<EphemeralChange> {
    let within = |data: &[u8], max: usize| (data.len() <= max).then(|| Bytes::copy_from_slice(data));
    let (space, peer, kind) = match notice.method {
        method::PRESENCE => {
            let Presence { space, peer, data } = Presence::decode(notice.params).ok()?;
            (space, peer, EphemeralKind::Present(within(data, limits::PRESENCE_DATA)?))
        }
        method::PRESENCE_LEAVE => {
            let PresenceLeave { space, peer } = PresenceLeave::decode(notice.params).ok()?;
            (space, peer, EphemeralKind::Left)
        }
        _ => {
            let EphemeralEvent { space, peer, data } = EphemeralEvent::decode(notice.params).ok()?;
            (space, peer, EphemeralKind::Event(within(data, limits::EVENT_DATA)?))
        }
    };
    Some(EphemeralChange { space, peer: PeerName::parse(peer)?, kind })
}

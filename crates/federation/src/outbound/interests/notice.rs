//! Notifications of a home about its spaces (federation §12.5).

use std::time::Duration;

use bytes::Bytes;
use less_sync_core::cbor::Decode as _;
use less_sync_core::wire::event::{
    EventHead, FileEvent, MEMBERSHIP_REMOVED, MembershipEvent, Resubscribe, Revoked, Sync, TRUST_REVOKED,
};
use less_sync_core::wire::method;
use less_sync_core::{Cursor, Epoch, SpaceId, frame};
use less_sync_engine::HomeChange;

use super::Interests;
use crate::outbound::notice::Notice;

/// Interval of the log entries about notifications of other spaces.
const LOG_INTERVAL: Duration = Duration::from_mins(1);

impl Interests {
    /// Passes a notification on to the local subscribers of its space. Those of other spaces are dropped (federation INV-4), as
    /// are unknown and undecodable ones.
    pub(in crate::outbound) fn notified(&self, notice: Notice<'_>) {
        match notice.method {
            method::SYNC | method::MEMBERSHIP | method::FILE => self.changed(notice),
            method::REVOKED => self.revoked(notice),
            method::RESUBSCRIBE => self.announced(notice),
            method::PRESENCE | method::PRESENCE_LEAVE | method::EVENT => self.of_peer(notice),
            _ => {}
        }
    }

    fn changed(&self, notice: Notice<'_>) {
        let Ok(head) = EventHead::decode(notice.params) else { return };
        let Ok(space) = head.space.parse::<SpaceId>() else { return };
        let stated = (notice.method == method::SYNC).then_some(head.prev).flatten();
        let is_hint = stated == Some(head.cursor);
        let mut table = self.table.lock();
        let Some(interest) = table.get_mut(&space) else {
            drop(table);
            return self.foreign(space);
        };
        let key_generation = head.key_generation.and_then(|stated| Epoch::new(stated).ok());
        let told = key_generation.map(|key_generation| (key_generation, head.rewrap_epoch));
        let position = interest.position(head.cursor, told);
        let prev = if is_hint {
            Cursor::ZERO
        } else {
            interest.continued(stated, head.cursor, self.outbound.is_native(&self.peer))
        };
        drop(table);
        if is_hint {
            // The home has shed events (federation §12.5).
            if self.delivered(space) < head.cursor {
                self.read_missing(space, position);
            }
            return;
        }
        let Some(frame) = canonical(notice, space, head.space) else { return };
        let may_be_second = notice.method == method::FILE;
        self.events.changed(space, HomeChange { prev, position, frame, may_be_second });
    }

    fn revoked(&self, notice: Notice<'_>) {
        let Ok(Revoked { space, reason }) = Revoked::decode(notice.params) else { return };
        let now = self.outbound.clock().instant();
        let mut table = self.table.lock();
        if !table.contains_key(&space) {
            drop(table);
            return self.foreign(space);
        }
        if reason == TRUST_REVOKED {
            // Membership is intact, so the clients get no notice (federation §5.5).
            table.values_mut().for_each(|interest| interest.drop_token(now));
            return;
        }
        if reason == MEMBERSHIP_REMOVED
            && let Some(interest) = table.get_mut(&space)
        {
            interest.drop_token(now);
        }
        drop(table);
        self.changed.notify_one();
        self.events.revoked(space);
    }

    fn announced(&self, notice: Notice<'_>) {
        let Ok(Resubscribe { spaces }) = Resubscribe::decode(notice.params) else { return };
        let mut foreign = Vec::new();
        let mut table = self.table.lock();
        for space in spaces {
            match table.get_mut(&space) {
                Some(interest) => interest.renew(),
                None => foreign.push(space),
            }
        }
        drop(table);
        for space in foreign {
            self.foreign(space);
        }
        self.changed.notify_one();
    }

    /// Counts a notification about a space without interest.
    pub(super) fn foreign(&self, space: SpaceId) {
        self.outbound.event_metrics().foreign(&self.peer);
        let now = self.outbound.clock().instant();
        let mut logged = self.foreign_logged.lock();
        if logged.is_none_or(|at| now.saturating_duration_since(at) >= LOG_INTERVAL) {
            *logged = Some(now);
            // Event name of federation §18.4.
            tracing::warn!(peer = %self.peer, space_id = %space, "federation.foreign_event");
        }
    }
}

/// Message for clients: unchanged, with members unknown to this server, if its space is spelled as clients expect (ID-8).
fn canonical(notice: Notice<'_>, space: SpaceId, spelling: &str) -> Option<Bytes> {
    if space.with_text(|text| text == spelling) {
        return Some(notice.message.clone());
    }
    let params = notice.params;
    match notice.method {
        method::SYNC => Sync::decode(params).ok().map(|event| frame::notification(method::SYNC, &event)),
        method::MEMBERSHIP => {
            MembershipEvent::decode(params).ok().map(|event| frame::notification(method::MEMBERSHIP, &event))
        }
        _ => FileEvent::decode(params).ok().map(|event| frame::notification(method::FILE, &event)),
    }
}

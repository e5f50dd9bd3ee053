//! A part of the watched spaces, under one lock.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use less_sync_core::wire::event::{EphemeralEvent, Presence, PresenceLeave};
use less_sync_core::wire::method;
use less_sync_core::{ConnectionId, Cursor, SpaceId, frame};
use less_sync_engine::RevokedEvent;

use super::ending::Ended;
use super::hint::Position;
use super::sequencer::Step;
use super::start::{Confirmation, SubscriptionStart};
use super::watched::{LostWatchers, Surroundings, Watched};
use super::watcher::{Broadcast, Watcher};
use crate::outbox::Outbox;
use crate::presence::{Noted, Pseudonyms};
use crate::subscription_id::SubscriptionId;

/// Spaces that somebody watches.
#[derive(Debug, Default)]
pub(super) struct Shard {
    spaces: HashMap<SpaceId, Watched>,
    /// Every presence entry by its age, so that a sweep looks at nothing that has not expired.
    ages: BTreeSet<(Instant, SpaceId, ConnectionId)>,
    generations: u64,
}

/// What a shard needs of the broker.
#[derive(Clone, Copy, Debug)]
pub(super) struct Context<'b> {
    pub(super) around: Surroundings<'b>,
    pub(super) pseudonyms: &'b Pseudonyms,
}

/// Watching.
impl Shard {
    pub(super) fn watch(
        &mut self,
        space: SpaceId,
        connection: ConnectionId,
        outbox: &Arc<Outbox>,
        context: Context<'_>,
    ) -> SubscriptionId {
        self.generations += 1;
        let generation = SubscriptionId(self.generations);
        let metrics = context.around.metrics;
        let watched = self.spaces.entry(space).or_insert_with(|| {
            metrics.spaces_watched.increment();
            Watched::new(space)
        });
        if watched.join(connection, outbox, generation) {
            metrics.subscriptions.increment();
        }
        generation
    }

    pub(super) fn settle(
        &mut self,
        space: SpaceId,
        connection: ConnectionId,
        generation: SubscriptionId,
        start: SubscriptionStart,
        context: Context<'_>,
    ) -> Confirmation {
        let mut settled = Confirmation::Superseded;
        self.change(space, context, |watched| {
            let lost;
            (settled, lost) = watched.settle(connection, generation, start, context.around);
            lost
        });
        settled
    }

    pub(super) fn open(
        &mut self,
        space: SpaceId,
        connection: ConnectionId,
        generation: SubscriptionId,
        context: Context<'_>,
    ) {
        let mut stays = true;
        self.change(space, context, |watched| {
            let opened = watched.open(connection, generation, context.around);
            stays = opened.is_some();
            opened.unwrap_or_default()
        });
        if !stays {
            self.remove(space, connection, context);
        }
    }

    /// A right was revoked: tells everybody, then removes whoever had it with their presence.
    pub(super) fn revoke(&mut self, event: &RevokedEvent, context: Context<'_>) {
        let mut gone = Vec::new();
        self.change(event.space, context, |watched| {
            let lost;
            (gone, lost) = watched.revoke(event, context.around);
            lost
        });
        for (connection, ended) in gone {
            self.take_leave(event.space, connection, ended, context);
        }
    }

    /// The right of one watcher has ended; `farewell` is told if it cannot be told at once. `None`: it does not watch, or
    /// is leaving already.
    pub(super) fn end(
        &mut self,
        space: SpaceId,
        connection: ConnectionId,
        farewell: impl FnOnce() -> Bytes,
        context: Context<'_>,
    ) -> Option<Ended> {
        let watcher = self.spaces.get_mut(&space)?.audience.find_mut(connection)?;
        if watcher.is_leaving() {
            return None;
        }
        let ended = if watcher.is_live() { Ended::Now } else { watcher.end(space, farewell()) };
        self.take_leave(space, connection, ended, context);
        Some(ended)
    }

    fn take_leave(&mut self, space: SpaceId, connection: ConnectionId, ended: Ended, context: Context<'_>) {
        match ended {
            Ended::Now => self.remove(space, connection, context),
            Ended::Later => self.clear_presence(space, connection, Some(connection), context),
        }
    }

    /// Removes a watcher with its presence and its queued events. False when there was none.
    pub(super) fn unwatch(&mut self, space: SpaceId, connection: ConnectionId, context: Context<'_>) -> bool {
        let found = self.spaces.get(&space).and_then(|watched| watched.audience.find(connection));
        let was_there = found.map(|watcher| watcher.outbox.purge(space)).is_some();
        self.remove(space, connection, context);
        was_there
    }

    /// Removes a watcher, if it is one, with its presence. What is queued stays queued.
    fn remove(&mut self, space: SpaceId, connection: ConnectionId, context: Context<'_>) {
        let left = self.spaces.get_mut(&space).and_then(|watched| watched.audience.leave(connection));
        self.clear_presence(space, connection, Some(connection), context);
        if left.is_some() {
            context.around.metrics.subscriptions.decrement();
        }
        self.free_if_empty(space, context);
    }

    /// Whether the watcher's right to watch was established.
    pub(super) fn is_settled(&self, space: SpaceId, connection: ConnectionId) -> bool {
        let watcher = self.spaces.get(&space).and_then(|watched| watched.audience.find(connection));
        watcher.is_some_and(Watcher::is_settled)
    }

    /// Queues an ephemeral frame with one watcher.
    pub(super) fn tell(&self, space: SpaceId, connection: ConnectionId, frame: Bytes) {
        if let Some(watcher) = self.spaces.get(&space).and_then(|watched| watched.audience.find(connection))
            && watcher.is_live()
        {
            watcher.outbox.ephemeral(space, frame);
        }
    }

    fn change(
        &mut self,
        space: SpaceId,
        context: Context<'_>,
        change: impl FnOnce(&mut Watched) -> LostWatchers,
    ) {
        if let Some(watched) = self.spaces.get_mut(&space)
            && change(watched)
        {
            self.drop_closing(space, context);
        }
    }

    /// Removes watchers whose connection is closing; its teardown will find nothing left to do here.
    fn drop_closing(&mut self, space: SpaceId, context: Context<'_>) {
        let Some(watched) = self.spaces.get_mut(&space) else { return };
        for connection in watched.audience.drop_closing() {
            context.around.metrics.subscriptions.decrement();
            self.clear_presence(space, connection, Some(connection), context);
        }
        self.free_if_empty(space, context);
    }

    fn free_if_empty(&mut self, space: SpaceId, context: Context<'_>) {
        if self.spaces.get(&space).is_some_and(|watched| watched.audience.is_empty()) {
            self.spaces.remove(&space);
            context.around.metrics.spaces_watched.decrement();
            if self.spaces.capacity() > 64 && self.spaces.capacity() > 8 * self.spaces.len() {
                self.spaces.shrink_to(2 * self.spaces.len());
            }
        }
    }
}

/// Durable events.
impl Shard {
    /// Whether an event of `origin` has to be encoded; none when nobody watches the space at all.
    pub(super) fn wants_frame(&self, space: SpaceId, origin: Option<ConnectionId>) -> Option<bool> {
        self.spaces.get(&space).map(|watched| watched.audience.anyone_but(origin))
    }

    pub(super) fn publish(
        &mut self,
        space: SpaceId,
        step: Step<Broadcast>,
        position: Position,
        context: Context<'_>,
    ) {
        self.change(space, context, |watched| watched.publish(step, position, context.around));
    }

    /// False when nothing was missing.
    pub(super) fn repair(&mut self, space: SpaceId, position: Position, context: Context<'_>) -> bool {
        let mut repaired = false;
        self.change(space, context, |watched| {
            let outcome = watched.repair(position, context.around);
            repaired = outcome.is_some();
            outcome.unwrap_or(false)
        });
        repaired
    }

    /// Notes that something is missing in `space`. True when that is news.
    pub(super) fn note_gap(&mut self, space: SpaceId) -> bool {
        let Some(watched) = self.spaces.get_mut(&space) else { return false };
        watched.gap().is_some() && !std::mem::replace(&mut watched.gap_noted, true)
    }

    /// What is missing in `space` now; forgets that it was noted.
    pub(super) fn take_gap(&mut self, space: SpaceId) -> Option<Position> {
        let watched = self.spaces.get_mut(&space)?;
        watched.gap_noted = false;
        watched.gap()
    }

    /// Where the deliveries of every space stand.
    pub(super) fn positions(&self) -> impl Iterator<Item = (SpaceId, Cursor)> {
        self.spaces.iter().filter_map(|(space, watched)| Some((*space, watched.delivered()?)))
    }
}

/// Presence and events.
impl Shard {
    pub(super) fn set_presence(
        &mut self,
        space: SpaceId,
        connection: ConnectionId,
        data: &[u8],
        now: Instant,
        context: Context<'_>,
    ) {
        if !self.is_settled(space, connection) {
            return;
        }
        let Some(watched) = self.spaces.get_mut(&space) else { return };
        match watched.attendance.note(connection, data, now, context.around.settings.presence_per_space) {
            Noted::Full => return,
            Noted::Arrived => context.around.metrics.presence_entries.increment(),
            Noted::Repeated(before) => {
                self.ages.remove(&(before, space, connection));
            }
        }
        self.ages.insert((now, space, connection));
        watched.audience.tell(space, Some(connection), context.around.metrics, || {
            let peer = context.pseudonyms.name(connection, space);
            frame::notification(method::PRESENCE, &Presence { space, peer: &peer, data })
        });
    }

    /// Removes the presence of `connection`, if any, and tells everybody but `except`.
    pub(super) fn clear_presence(
        &mut self,
        space: SpaceId,
        connection: ConnectionId,
        except: Option<ConnectionId>,
        context: Context<'_>,
    ) {
        let Some(watched) = self.spaces.get_mut(&space) else { return };
        let Some(set_at) = watched.attendance.forget(connection) else { return };
        self.ages.remove(&(set_at, space, connection));
        context.around.metrics.presence_entries.decrement();
        watched.audience.tell(space, except, context.around.metrics, || {
            let peer = context.pseudonyms.name(connection, space);
            frame::notification(method::PRESENCE_LEAVE, &PresenceLeave { space, peer: &peer })
        });
    }

    pub(super) fn send_event(
        &self,
        space: SpaceId,
        connection: ConnectionId,
        data: &[u8],
        context: Context<'_>,
    ) {
        if !self.is_settled(space, connection) {
            return;
        }
        let Some(watched) = self.spaces.get(&space) else { return };
        watched.audience.tell(space, Some(connection), context.around.metrics, || {
            let peer = context.pseudonyms.name(connection, space);
            frame::notification(method::EVENT, &EphemeralEvent { space, peer: &peer, data })
        });
    }

    pub(super) fn others(
        &self,
        space: SpaceId,
        except: ConnectionId,
        max: usize,
    ) -> Vec<(ConnectionId, Bytes)> {
        self.spaces.get(&space).map_or_else(Vec::new, |watched| watched.attendance.others(except, max))
    }

    /// Removes the oldest presence entry if it was set at `until` or before; false when there is none such.
    pub(super) fn expire_one(&mut self, until: Instant, context: Context<'_>) -> bool {
        match self.ages.first() {
            Some(&(set_at, space, connection)) if set_at <= until => {
                self.ages.pop_first();
                self.clear_presence(space, connection, None, context);
                true
            }
            Some(_) | None => false,
        }
    }
}

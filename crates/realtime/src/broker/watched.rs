//! One space that somebody watches.

use std::sync::Arc;

use less_sync_core::{ConnectionId, Cursor, Epoch, SpaceId};
use less_sync_engine::RevokedEvent;

use super::BrokerSettings;
use super::audience::{Audience, Tally};
use super::ending::{self, Ended};
use super::hint::{Hints, Position};
use super::sequencer::{Delivery, Room, Sequencer, Step};
use super::start::{Confirmation, SubscriptionStart};
use super::watcher::{Broadcast, Footing};
use crate::metrics::BrokerMetrics;
use crate::outbox::Outbox;
use crate::presence::Attendance;
use crate::subscription_id::SubscriptionId;

/// Its order, its watchers, and who is present.
#[derive(Debug)]
pub(super) struct Watched {
    space: SpaceId,
    sequencer: Sequencer<Broadcast>,
    pub(super) audience: Audience,
    pub(super) attendance: Attendance,
    /// The newest position heard of.
    newest: Position,
    /// The broker was told that something is missing, and has not looked yet.
    pub(super) gap_noted: bool,
    /// How many revocations there were while somebody watched.
    revocations: u64,
}

/// What a space needs of the broker.
#[derive(Clone, Copy, Debug)]
pub(super) struct Surroundings<'b> {
    pub(super) settings: &'b BrokerSettings,
    pub(super) metrics: &'b BrokerMetrics,
}

/// Whether watchers were found to be closing, and should be removed.
pub(super) type LostWatchers = bool;

impl Watched {
    pub(super) fn new(space: SpaceId) -> Self {
        let newest = Position { cursor: Cursor::ZERO, key_generation: Epoch::FIRST, rewrap_epoch: None };
        Self {
            space,
            sequencer: Sequencer::default(),
            audience: Audience::default(),
            attendance: Attendance::default(),
            newest,
            gap_noted: false,
            revocations: 0,
        }
    }

    /// Up to where everything has been delivered.
    pub(super) fn delivered(&self) -> Option<Cursor> {
        self.sequencer.delivered()
    }

    /// The newest position that should have been delivered and was not.
    pub(super) fn gap(&self) -> Option<Position> {
        self.sequencer.gap().map(|cursor| Position { cursor, ..self.newest })
    }

    pub(super) fn join(
        &mut self,
        connection: ConnectionId,
        outbox: &Arc<Outbox>,
        generation: SubscriptionId,
    ) -> bool {
        self.audience.join(connection, outbox, generation, self.revocations)
    }

    /// The state of the space was read for a watcher. Nothing is settled while that read may be older than a revocation.
    pub(super) fn settle(
        &mut self,
        connection: ConnectionId,
        generation: SubscriptionId,
        start: SubscriptionStart,
        around: Surroundings<'_>,
    ) -> (Confirmation, LostWatchers) {
        let SubscriptionStart { position, caught_up_to: told, chain } = start;
        let footing = Footing { told, state: position.cursor, chain };
        let watcher = self.audience.find_mut(connection);
        match watcher.and_then(|watcher| watcher.settle(generation, footing, self.revocations)) {
            Some(true) => {
                self.learn(position);
                let lost =
                    self.pass_on(around, |sequencer, deliver| sequencer.start(position.cursor, deliver));
                (Confirmation::Confirmed, lost)
            }
            Some(false) => (Confirmation::Stale, false),
            None => (Confirmation::Superseded, false),
        }
    }

    /// The response of a watcher was written. `None` when the watcher's right has ended: it is gone.
    pub(super) fn open(
        &mut self,
        connection: ConnectionId,
        generation: SubscriptionId,
        around: Surroundings<'_>,
    ) -> Option<LostWatchers> {
        let mut hints = Hints::new(self.space, self.newest);
        let tally = self.audience.open(connection, generation, self.sequencer.delivered(), &mut hints)?;
        Some(count(tally, &hints, around))
    }

    /// A right was revoked: everybody but the origin is told, and whoever had it leaves. Answers who that was.
    pub(super) fn revoke(
        &mut self,
        event: &RevokedEvent,
        around: Surroundings<'_>,
    ) -> (Vec<(ConnectionId, Ended)>, LostWatchers) {
        self.revocations += 1;
        let (notice, mut tally) = (ending::revoked(self.space), Tally::default());
        let mut ended = Vec::new();
        for watcher in self.audience.iter_mut() {
            if watcher.rests_on(|chain| event.revocation.ends(chain)) {
                // Whoever revoked an older chain of their own is not told of it, only that the subscription is gone.
                let is_origin = watcher.connection == event.origin;
                let farewell = if is_origin { ending::resubscribe(vec![self.space]) } else { notice.clone() };
                ended.push((watcher.connection, watcher.end(self.space, farewell)));
            } else if watcher.connection != event.origin
                && let Some(delivered) = watcher.notice(self.space, notice.clone())
            {
                tally.add(delivered);
            }
        }
        tally.count_durable(around.metrics);
        (ended, tally.lost_watchers())
    }

    /// A mutation was committed.
    pub(super) fn publish(
        &mut self,
        step: Step<Broadcast>,
        position: Position,
        around: Surroundings<'_>,
    ) -> LostWatchers {
        self.learn(position);
        let BrokerSettings { reordered_events: steps, reordered_bytes: bytes, .. } = *around.settings;
        self.pass_on(around, |sequencer, deliver| sequencer.accept(step, Room { steps, bytes }, deliver))
    }

    /// Hints at whatever has not been delivered up to `position`. None when nothing was missing.
    pub(super) fn repair(&mut self, position: Position, around: Surroundings<'_>) -> Option<LostWatchers> {
        self.learn(position);
        let mut missing = false;
        let lost = self.pass_on(around, |sequencer, deliver| {
            missing = sequencer.repair(position.cursor, deliver);
        });
        missing.then_some(lost)
    }

    fn learn(&mut self, position: Position) {
        if position.cursor >= self.newest.cursor {
            self.newest = position;
        }
    }

    /// Hands what the sequencer lets go to every watcher.
    fn pass_on(
        &mut self,
        around: Surroundings<'_>,
        sequence: impl FnOnce(&mut Sequencer<Broadcast>, &mut dyn FnMut(Delivery<Broadcast>)),
    ) -> LostWatchers {
        let mut hints = Hints::new(self.space, self.newest);
        let mut tally = Tally::default();
        let held = around.settings.held_events;
        let Self { sequencer, audience, .. } = self;
        sequence(sequencer, &mut |delivery| audience.deliver(&delivery, held, &mut hints, &mut tally));
        count(tally, &hints, around)
    }
}

fn count(tally: Tally, hints: &Hints, around: Surroundings<'_>) -> LostWatchers {
    tally.count_durable(around.metrics);
    around.metrics.pull_hints.add(hints.made());
    tally.lost_watchers()
}

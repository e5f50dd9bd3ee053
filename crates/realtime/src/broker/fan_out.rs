//! Fan-out of durable events to the subscribers of a space: shared pull hints, delivery counts.

use bytes::Bytes;
use less_sync_core::{Cursor, SpaceId};

use super::deps::Deps;
use super::notifications;
use super::position::Position;
use crate::outbox::{Delivered, Outbox};

/// Fan-out in progress.
#[derive(Debug)]
pub(super) struct FanOut<'d> {
    pub(super) space: SpaceId,
    /// Newest known position of the space; pull hints carry its key generation and rewrap.
    newest: Position,
    deps: &'d Deps,
    /// Most recent pull hint with its cursor, encoded once for all subscribers that need it.
    latest_hint: Option<(Cursor, Bytes)>,
    hints: u64,
    queued: u64,
    too_slow: u64,
    closed: u64,
}

/// Outcome of a fan-out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FanOutOutcome {
    /// Every outbox accepted its frames.
    AllOpen,
    /// At least one connection is closing; its subscriber is to be removed.
    SomeClosing,
}

impl<'d> FanOut<'d> {
    pub(super) fn new(space: SpaceId, newest: Position, deps: &'d Deps) -> Self {
        Self { space, newest, deps, latest_hint: None, hints: 0, queued: 0, too_slow: 0, closed: 0 }
    }

    /// Maximum events that a subscription may buffer, inclusive.
    pub(super) fn max_buffered(&self) -> usize {
        self.deps.settings.buffered_events
    }

    /// Queues an event of one or two frames; it counts as one delivery.
    pub(super) fn queue_event(&mut self, outbox: &Outbox, frame: &Bytes, second: Option<&Bytes>) {
        let first = outbox.durable(Some(self.space), frame.clone());
        self.count(match (first, second) {
            (Delivered::Queued | Delivered::Displaced, Some(second)) => {
                outbox.durable(Some(self.space), second.clone())
            }
            (Delivered::Queued | Delivered::Displaced, None)
            | (Delivered::TooSlow | Delivered::Lost | Delivered::Closed, _) => first,
        });
    }

    /// Queues a pull hint up to `cursor`.
    pub(super) fn queue_hint(&mut self, outbox: &Outbox, cursor: Cursor) {
        self.hints += 1;
        let frame = match &self.latest_hint {
            Some((at, frame)) if *at == cursor => frame.clone(),
            Some(_) | None => {
                let frame = notifications::pull_hint(self.space, Position { cursor, ..self.newest });
                self.latest_hint = Some((cursor, frame.clone()));
                frame
            }
        };
        self.queue_notice(outbox, frame);
    }

    /// Queues a durable frame that belongs to no cursor.
    pub(super) fn queue_notice(&mut self, outbox: &Outbox, frame: Bytes) {
        self.count(outbox.durable(Some(self.space), frame));
    }

    fn count(&mut self, delivered: Delivered) {
        match delivered {
            Delivered::Queued | Delivered::Displaced => self.queued += 1,
            Delivered::TooSlow => self.too_slow += 1,
            Delivered::Lost => {}
            Delivered::Closed => self.closed += 1,
        }
    }

    /// Adds the counts to the metrics: one atomic operation per counter and fan-out, not per subscriber.
    pub(super) fn finish(self) -> FanOutOutcome {
        let metrics = &self.deps.metrics;
        metrics.durable_delivered.inc_by(self.queued);
        metrics.slow_consumers.inc_by(self.too_slow);
        metrics.pull_hints.inc_by(self.hints);
        if self.too_slow + self.closed > 0 { FanOutOutcome::SomeClosing } else { FanOutOutcome::AllOpen }
    }
}

//! The order of one space, restored (decision 0013).
//!
//! Callers race after their commits, so events arrive out of order; an event whose caller died arrives never. What
//! leaves here is in cursor order, and says so where something is missing.

use std::collections::VecDeque;

use less_sync_core::Cursor;

/// How much a sequencer may hold back. When an event that was missing arrives all of it goes out at once, so it has to
/// fit the queues of the watchers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Room {
    /// Steps.
    pub(super) steps: usize,
    /// What they weigh together, in bytes.
    pub(super) bytes: usize,
}

/// What a held event costs.
pub(super) trait Weigh {
    /// Bytes it keeps alive.
    fn bytes(&self) -> usize;
}

/// A mutation of a space: the step from one cursor to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Step<T> {
    /// Cursor before it.
    pub(super) prev: Cursor,
    /// Cursor after it.
    pub(super) cursor: Cursor,
    /// What happened.
    pub(super) event: T,
}

/// What the watchers are to be told, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Delivery<T> {
    /// This happened, after everything delivered before.
    Step(Step<T>),
    /// Something up to here is not known any more and has to be pulled.
    Hint(Cursor),
}

/// The sequencer of one space.
#[derive(Debug)]
pub(super) struct Sequencer<T> {
    /// Where the deliveries stand; unknown until the state of the space was read.
    delivered: Option<Cursor>,
    /// The newest cursor heard of.
    known: Cursor,
    /// Steps that cannot be delivered yet, ascending, each above `delivered`.
    held: VecDeque<Step<T>>,
    /// What `held` weighs.
    held_bytes: usize,
    /// Something was lost before `delivered` was known; what there is up to `known` has to be pulled.
    lost: bool,
}

impl<T> Default for Sequencer<T> {
    fn default() -> Self {
        Self { delivered: None, known: Cursor::ZERO, held: VecDeque::new(), held_bytes: 0, lost: false }
    }
}

impl<T: Weigh> Sequencer<T> {
    /// Up to where everything has been delivered.
    pub(super) fn delivered(&self) -> Option<Cursor> {
        self.delivered
    }

    /// The newest cursor that is known to be committed and was not delivered.
    pub(super) fn gap(&self) -> Option<Cursor> {
        self.delivered.filter(|delivered| *delivered < self.known).map(|_| self.known)
    }

    /// A step was committed. Steps may come in any order and repeatedly; no more than fits `room` is held.
    pub(super) fn accept(&mut self, step: Step<T>, room: Room, mut deliver: impl FnMut(Delivery<T>)) {
        self.known = self.known.max(step.cursor);
        match self.delivered {
            Some(delivered) if step.cursor <= delivered => {}
            Some(delivered) if step.prev <= delivered => {
                self.deliver(step, &mut deliver);
                self.follow_up(&mut deliver);
            }
            Some(_) | None => self.hold(step, room, &mut deliver),
        }
    }

    /// The state of the space was read and stands at `cursor`. The first time, this is where deliveries begin. What
    /// came early and is part of that state goes out as well: another watcher may have read an older state.
    pub(super) fn start(&mut self, cursor: Cursor, mut deliver: impl FnMut(Delivery<T>)) {
        self.known = self.known.max(cursor);
        if self.delivered.is_some() {
            return;
        }
        while let Some(step) = self.pop_held(|step| step.cursor <= cursor) {
            deliver(Delivery::Step(step));
        }
        self.delivered = Some(cursor);
        if std::mem::take(&mut self.lost) {
            self.skip_to(self.known, &mut deliver);
        } else {
            self.follow_up(&mut deliver);
        }
    }

    /// Gives up on whatever is missing up to `cursor`, which is known to be committed. False when nothing is.
    pub(super) fn repair(&mut self, cursor: Cursor, mut deliver: impl FnMut(Delivery<T>)) -> bool {
        self.known = self.known.max(cursor);
        if self.delivered.is_none_or(|delivered| delivered >= cursor) {
            return false;
        }
        self.skip_to(cursor, &mut deliver);
        true
    }

    fn hold(&mut self, step: Step<T>, room: Room, deliver: &mut impl FnMut(Delivery<T>)) {
        let bytes = self.held_bytes.saturating_add(step.event.bytes());
        let fits = self.held.len() < room.steps && bytes <= room.bytes;
        match self.held.binary_search_by_key(&step.cursor, |held| held.cursor) {
            Ok(_repeated) => {}
            Err(place) if fits && !self.lost => {
                self.held.insert(place, step);
                self.held_bytes = bytes;
            }
            Err(_) if self.delivered.is_some() => self.skip_to(self.known, deliver),
            Err(_) => {
                self.lost = true;
                self.held = VecDeque::new();
                self.held_bytes = 0;
            }
        }
    }

    /// The first of the held steps, if it is due.
    fn pop_held(&mut self, due: impl FnOnce(&Step<T>) -> bool) -> Option<Step<T>> {
        let step = if due(self.held.front()?) { self.held.pop_front() } else { None }?;
        self.held_bytes = self.held_bytes.saturating_sub(step.event.bytes());
        Some(step)
    }

    fn skip_to(&mut self, cursor: Cursor, deliver: &mut impl FnMut(Delivery<T>)) {
        if self.delivered.is_some_and(|delivered| delivered < cursor) {
            self.delivered = Some(cursor);
            deliver(Delivery::Hint(cursor));
        }
        self.follow_up(deliver);
    }

    /// Delivers what was held and now continues what was delivered.
    fn follow_up(&mut self, deliver: &mut impl FnMut(Delivery<T>)) {
        while let Some(delivered) = self.delivered
            && let Some(step) = self.pop_held(|step| step.prev <= delivered)
        {
            if step.cursor > delivered {
                self.deliver(step, deliver);
            }
        }
        if self.held.is_empty() {
            self.held = VecDeque::new();
        }
    }

    fn deliver(&mut self, step: Step<T>, deliver: &mut impl FnMut(Delivery<T>)) {
        self.delivered = Some(step.cursor);
        deliver(Delivery::Step(step));
    }
}

#[cfg(test)]
mod tests;

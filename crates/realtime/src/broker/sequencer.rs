//! Sequencer of one space: restores cursor order of events that are published out of order (decision 0013).
//!
//! Callers publish after their commits and race, so events arrive out of order; the event of a caller that died between
//! commit and publication never arrives. Events leave in cursor order, each once, and a pull hint stands for whatever is
//! missing.

use std::collections::VecDeque;

use less_sync_core::Cursor;

/// Limits of the reorder buffer of a sequencer. A missing event that arrives releases the whole buffer at once, so the
/// buffer has to fit the queues of the subscribers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ReorderLimits {
    /// Maximum buffered events, inclusive.
    pub(super) events: usize,
    /// Maximum sum of the encoded lengths of the buffered events, in bytes, inclusive.
    pub(super) bytes: usize,
}

/// Encoded length of an event, for [`ReorderLimits::bytes`].
pub(super) trait EncodedLen {
    /// Bytes that the event keeps allocated.
    fn encoded_len(&self) -> usize;
}

/// Event with the cursors that it leads from and to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Step<T> {
    /// Cursor of the space before the event.
    pub(super) prev: Cursor,
    /// Cursor of the space after the event.
    pub(super) cursor: Cursor,
    /// The event.
    pub(super) event: T,
}

/// Output of a sequencer, in cursor order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Delivery<T> {
    /// Event that follows everything delivered before.
    Event(Step<T>),
    /// Pull hint: some event up to this cursor is lost.
    PullHint(Cursor),
}

/// Deliveries of a space so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Progress {
    /// Cursor up to which everything was delivered, inclusive.
    pub(crate) delivered: Cursor,
    /// Events that wait for an earlier one, each with the cursors that it leads from and to, ascending.
    pub(crate) waiting: Vec<(Cursor, Cursor)>,
}

/// Sequencer of one space.
#[derive(Debug)]
pub(super) struct Sequencer<T> {
    /// Cursor up to which everything was delivered, inclusive; none until the state of the space was read.
    delivered: Option<Cursor>,
    /// Greatest cursor known to be committed.
    committed: Cursor,
    /// Events that wait for an earlier one: ascending, each above `delivered`.
    reorder_buffer: VecDeque<Step<T>>,
    /// Sum of the encoded lengths in `reorder_buffer`.
    buffered_bytes: usize,
    /// The reorder buffer overflowed before `delivered` was known: a pull hint up to `committed` is due at the start.
    overflowed: bool,
}

impl<T> Default for Sequencer<T> {
    fn default() -> Self {
        Self {
            delivered: None,
            committed: Cursor::ZERO,
            reorder_buffer: VecDeque::new(),
            buffered_bytes: 0,
            overflowed: false,
        }
    }
}

impl<T: EncodedLen> Sequencer<T> {
    /// Cursor up to which everything was delivered, inclusive; none until [`Sequencer::start`].
    pub(super) fn delivered(&self) -> Option<Cursor> {
        self.delivered
    }

    /// Deliveries so far; none until [`Sequencer::start`].
    pub(super) fn progress(&self) -> Option<Progress> {
        let waiting = self.reorder_buffer.iter().map(|step| (step.prev, step.cursor)).collect();
        self.delivered.map(|delivered| Progress { delivered, waiting })
    }

    /// Greatest cursor that is known to be committed, if it is above the delivered one.
    pub(super) fn gap(&self) -> Option<Cursor> {
        self.delivered.filter(|delivered| *delivered < self.committed).map(|_| self.committed)
    }

    /// Notes that `cursor` is committed.
    pub(super) fn note_committed(&mut self, cursor: Cursor) {
        self.committed = self.committed.max(cursor);
    }

    /// Accepts a committed event. Events may come in any order and repeatedly; at most `limits` are buffered.
    pub(super) fn accept(
        &mut self,
        step: Step<T>,
        limits: ReorderLimits,
        mut deliver: impl FnMut(Delivery<T>),
    ) {
        self.committed = self.committed.max(step.cursor);
        match self.delivered {
            // Repeated, or covered by a pull hint or by the state of the start.
            Some(delivered) if step.cursor <= delivered => {}
            // `prev` may lie below `delivered` after a pull hint in the middle of a step; the subscribers compare it with
            // their own cursors.
            Some(delivered) if step.prev <= delivered => {
                self.deliver(step, &mut deliver);
                self.drain_contiguous(&mut deliver);
            }
            Some(_) | None => self.buffer(step, limits, &mut deliver),
        }
    }

    /// Starts deliveries at `cursor`, where the state of the space was read; only the first call does. Later ones merely
    /// show that `cursor` is committed.
    pub(super) fn start(&mut self, cursor: Cursor, mut deliver: impl FnMut(Delivery<T>)) {
        self.committed = self.committed.max(cursor);
        if self.delivered.is_some() {
            return;
        }
        // Buffered events that are part of this state go out as well: another subscriber may have read an older state and
        // not be confirmed yet. Subscribers that have them already skip them by their own cursor.
        while let Some(step) = self.pop_if(|step| step.cursor <= cursor) {
            deliver(Delivery::Event(step));
        }
        self.delivered = Some(cursor);
        if std::mem::take(&mut self.overflowed) {
            self.skip_to(self.committed, &mut deliver);
        } else {
            self.drain_contiguous(&mut deliver);
        }
    }

    /// Skips whatever is missing up to `cursor`, which is known to be committed, by a pull hint. False if nothing is
    /// missing, or before the start.
    pub(super) fn repair(&mut self, cursor: Cursor, mut deliver: impl FnMut(Delivery<T>)) -> bool {
        self.committed = self.committed.max(cursor);
        if self.delivered.is_none_or(|delivered| delivered >= cursor) {
            return false;
        }
        self.skip_to(cursor, &mut deliver);
        true
    }

    /// Restarts deliveries at `cursor`, which may be below the delivered one, and forgets what waits.
    pub(super) fn rewind(&mut self, cursor: Cursor) {
        *self = Self { delivered: Some(cursor), committed: cursor, ..Self::default() };
    }

    /// True if the event with `cursor` waits for an earlier one.
    pub(super) fn is_buffered(&self, cursor: Cursor) -> bool {
        self.reorder_buffer.binary_search_by_key(&cursor, |step| step.cursor).is_ok()
    }

    /// Event with `cursor` that waits for an earlier one.
    pub(super) fn buffered_mut(&mut self, cursor: Cursor) -> Option<&mut T> {
        let index = self.reorder_buffer.binary_search_by_key(&cursor, |step| step.cursor).ok()?;
        self.reorder_buffer.get_mut(index).map(|step| &mut step.event)
    }

    fn buffer(&mut self, step: Step<T>, limits: ReorderLimits, deliver: &mut impl FnMut(Delivery<T>)) {
        let bytes = self.buffered_bytes.saturating_add(step.event.encoded_len());
        let fits = self.reorder_buffer.len() < limits.events && bytes <= limits.bytes;
        match self.reorder_buffer.binary_search_by_key(&step.cursor, |buffered| buffered.cursor) {
            Ok(_repeated) => {}
            Err(index) if fits && !self.overflowed => {
                self.reorder_buffer.insert(index, step);
                self.buffered_bytes = bytes;
            }
            Err(_) if self.delivered.is_some() => self.skip_to(self.committed, deliver),
            // Not started: there is no subscriber to send a hint to, and no cursor to send it from.
            Err(_) => {
                self.overflowed = true;
                self.reorder_buffer = VecDeque::new();
                self.buffered_bytes = 0;
            }
        }
    }

    /// Removes the first buffered event if `condition` holds for it.
    fn pop_if(&mut self, condition: impl FnOnce(&Step<T>) -> bool) -> Option<Step<T>> {
        let step =
            if condition(self.reorder_buffer.front()?) { self.reorder_buffer.pop_front() } else { None }?;
        self.buffered_bytes = self.buffered_bytes.saturating_sub(step.event.encoded_len());
        Some(step)
    }

    fn skip_to(&mut self, cursor: Cursor, deliver: &mut impl FnMut(Delivery<T>)) {
        if self.delivered.is_some_and(|delivered| delivered < cursor) {
            self.delivered = Some(cursor);
            deliver(Delivery::PullHint(cursor));
        }
        self.drain_contiguous(deliver);
    }

    /// Delivers the buffered events that have become contiguous, and drops those that are covered.
    fn drain_contiguous(&mut self, deliver: &mut impl FnMut(Delivery<T>)) {
        while let Some(delivered) = self.delivered
            && let Some(step) = self.pop_if(|step| step.prev <= delivered)
        {
            if step.cursor > delivered {
                self.deliver(step, deliver);
            }
        }
        if self.reorder_buffer.is_empty() {
            // Frees the allocation: an idle space holds no buffer.
            self.reorder_buffer = VecDeque::new();
        }
    }

    fn deliver(&mut self, step: Step<T>, deliver: &mut impl FnMut(Delivery<T>)) {
        self.delivered = Some(step.cursor);
        deliver(Delivery::Event(step));
    }
}

#[cfg(test)]
mod tests;

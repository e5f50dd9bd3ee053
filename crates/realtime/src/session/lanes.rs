//! The two lanes of a connection (protocol §2.5).
//!
//! Ordered calls run one at a time in arrival order. Stream calls run one at a time too, beside them, and a stream
//! starts only after every ordered call received before it has finished: a pull sees the pushes sent before it.

use std::collections::VecDeque;

use crate::call::Call;

/// Which lane a method runs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Lane {
    /// One at a time, arrival order.
    Ordered,
    /// Long answers, beside the ordered lane.
    Stream,
}

/// Calls accepted and not finished.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    ordered: VecDeque<Call>,
    ordered_running: bool,
    ordered_accepted: u64,
    ordered_finished: u64,
    streams: VecDeque<(u64, Call)>,
    stream_running: bool,
}

impl Lanes {
    pub(super) fn accept(&mut self, lane: Lane, call: Call) {
        match lane {
            Lane::Ordered => {
                self.ordered_accepted += 1;
                self.ordered.push_back(call);
            }
            Lane::Stream => self.streams.push_back((self.ordered_accepted, call)),
        }
    }

    /// The next call that may start now, if any; it counts as running from here on.
    pub(super) fn start(&mut self) -> Option<(Lane, Call)> {
        if !self.ordered_running
            && let Some(call) = self.ordered.pop_front()
        {
            self.ordered_running = true;
            return Some((Lane::Ordered, call));
        }
        let (after, _) = self.streams.front()?;
        if self.stream_running || *after > self.ordered_finished {
            return None;
        }
        self.stream_running = true;
        self.streams.pop_front().map(|(_, call)| (Lane::Stream, call))
    }

    pub(super) fn finished(&mut self, lane: Lane) {
        match lane {
            Lane::Ordered => {
                self.ordered_running = false;
                self.ordered_finished += 1;
            }
            Lane::Stream => self.stream_running = false,
        }
        if self.ordered.is_empty() && self.streams.is_empty() {
            // An idle connection holds no queue memory.
            self.ordered = VecDeque::new();
            self.streams = VecDeque::new();
        }
    }

    /// Forgets what has not started.
    pub(super) fn abandon(&mut self) {
        self.ordered.clear();
        self.streams.clear();
    }

    pub(super) fn running(&self) -> bool {
        self.ordered_running || self.stream_running
    }

    /// Calls accepted and not finished, in both lanes.
    pub(super) fn backlog(&self) -> usize {
        self.ordered.len()
            + self.streams.len()
            + usize::from(self.ordered_running)
            + usize::from(self.stream_running)
    }
}

//! The two lanes of a connection (protocol §2.5).
//!
//! Ordered calls take effect in arrival order. They run one at a time, except that pushes which follow each other run
//! together, so that they can share a commit; the driver places them in arrival order. Stream calls run one at a time beside
//! them, and a stream starts only after every ordered call received before it has finished: a pull sees the pushes sent
//! before it.

use std::collections::VecDeque;

use less_sync_core::wire::method::Lane;

use crate::call::Call;

/// Calls accepted and not finished.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    ordered: VecDeque<Call>,
    ordered_running: usize,
    /// Whether what runs in the ordered lane lets others like it run alongside.
    pipelining: bool,
    ordered_accepted: u64,
    ordered_finished: u64,
    streams: VecDeque<(u64, Call)>,
    stream_running: bool,
}

impl Lanes {
    pub(super) fn accept(&mut self, call: Call) {
        match call.lane() {
            Lane::Ordered => {
                self.ordered_accepted += 1;
                self.ordered.push_back(call);
            }
            Lane::Stream => self.streams.push_back((self.ordered_accepted, call)),
        }
    }

    /// The next call that may start now, if any; it counts as running from here on.
    pub(super) fn start(&mut self) -> Option<Call> {
        if let Some(call) = self.next_ordered() {
            return Some(call);
        }
        let (after, _) = self.streams.front()?;
        if self.stream_running || *after > self.ordered_finished {
            return None;
        }
        self.stream_running = true;
        self.streams.pop_front().map(|(_, call)| call)
    }

    fn next_ordered(&mut self) -> Option<Call> {
        let pipelined = self.ordered.front()?.method.is_some_and(|method| method.row().is_pipelined);
        let alongside = self.pipelining && pipelined;
        if self.ordered_running > 0 && !alongside {
            return None;
        }
        self.ordered_running += 1;
        self.pipelining = pipelined;
        self.ordered.pop_front()
    }

    /// A call of this lane has finished. Calls of the ordered lane finish in arrival order.
    pub(super) fn finished(&mut self, lane: Lane) {
        match lane {
            Lane::Ordered => {
                self.ordered_running = self.ordered_running.saturating_sub(1);
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
        self.ordered_running > 0 || self.stream_running
    }

    /// Calls accepted and not finished, in both lanes.
    pub(super) fn backlog(&self) -> usize {
        self.ordered.len() + self.streams.len() + self.ordered_running + usize::from(self.stream_running)
    }
}

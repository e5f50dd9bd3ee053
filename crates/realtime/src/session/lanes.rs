//! Scheduling of calls in the two lanes of a connection (protocol §2.5).
//!
//! Ordered calls take effect in arrival order. They run one at a time, except that pushes which follow each other run
//! together, so that they can share a commit; the driver places them in arrival order. Stream calls run one at a time beside
//! them, and a stream starts only after every ordered call received before it has finished: a pull sees the pushes sent
//! before it.

use std::collections::VecDeque;

use less_sync_core::wire::method::Lane;

use crate::call::Call;

/// Accepted calls that have not finished.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    ordered: VecDeque<Call>,
    ordered_running: usize,
    /// True while the running ordered calls are pipelined, so that the next pipelined call may join them.
    is_pipelining: bool,
    /// Ordered calls accepted so far; the position of a stream among them.
    ordered_accepted: u64,
    /// Ordered calls finished so far. They finish in arrival order, so this is a high-water mark.
    ordered_finished: u64,
    /// Waiting streams, each with the number of ordered calls accepted before it.
    streams: VecDeque<(u64, Call)>,
    is_stream_running: bool,
    /// Calls that run outside of the lanes.
    elsewhere: usize,
    /// Total size of the messages of all accepted calls that have not finished.
    bytes: usize,
}

impl Lanes {
    pub(super) fn accept(&mut self, call: Call) {
        self.bytes += call.message().len();
        match call.lane() {
            Lane::Ordered => {
                self.ordered_accepted += 1;
                self.ordered.push_back(call);
            }
            Lane::Stream => self.streams.push_back((self.ordered_accepted, call)),
        }
    }

    /// Removes the next call that may start now; the call counts as running.
    pub(super) fn start(&mut self) -> Option<Call> {
        if let Some(call) = self.next_ordered() {
            return Some(call);
        }
        let (after, _) = self.streams.front()?;
        if self.is_stream_running || *after > self.ordered_finished {
            return None;
        }
        self.is_stream_running = true;
        self.streams.pop_front().map(|(_, call)| call)
    }

    fn next_ordered(&mut self) -> Option<Call> {
        // Every notification and every call of an unknown method is a barrier between pipelined calls.
        let pipelined = self.ordered.front()?.method.is_some_and(|method| method.row().is_pipelined);
        let alongside = self.is_pipelining && pipelined;
        if self.ordered_running > 0 && !alongside {
            return None;
        }
        self.ordered_running += 1;
        self.is_pipelining = pipelined;
        self.ordered.pop_front()
    }

    /// Takes a running call out of `lane`: the lane goes on as if it had finished (federation FW-2).
    pub(super) fn leave(&mut self, lane: Lane) {
        self.finished(lane, 0);
        self.elsewhere += 1;
    }

    /// Removes a finished call that ran outside of the lanes, whose message had `bytes`.
    pub(super) fn finished_elsewhere(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_sub(bytes);
        self.elsewhere = self.elsewhere.saturating_sub(1);
    }

    /// Removes a finished call of `lane`, whose message had `bytes`. Calls of the ordered lane finish in arrival order.
    pub(super) fn finished(&mut self, lane: Lane, bytes: usize) {
        self.bytes = self.bytes.saturating_sub(bytes);
        match lane {
            Lane::Ordered => {
                self.ordered_running = self.ordered_running.saturating_sub(1);
                self.ordered_finished += 1;
            }
            Lane::Stream => self.is_stream_running = false,
        }
        if self.ordered.is_empty() && self.streams.is_empty() {
            // An idle connection holds no queue memory.
            self.ordered = VecDeque::new();
            self.streams = VecDeque::new();
        }
    }

    /// Removes the waiting stream with the request id `id`; false if there is none. A waiting call of the ordered lane stays: its
    /// place in the order is a mark for streams.
    pub(super) fn withdraw_stream(&mut self, id: &str) -> bool {
        let Some(index) = self.streams.iter().position(|(_, call)| call.id() == id) else { return false };
        if let Some((_, call)) = self.streams.remove(index) {
            self.bytes -= call.message().len();
        }
        true
    }

    /// Drops the calls that have not started.
    pub(super) fn abandon(&mut self) {
        let waiting = self.ordered.drain(..).chain(self.streams.drain(..).map(|(_, call)| call));
        self.bytes -= waiting.map(|call| call.message().len()).sum::<usize>();
    }

    /// True while a call runs.
    pub(super) fn is_running(&self) -> bool {
        self.ordered_running > 0 || self.is_stream_running || self.elsewhere > 0
    }

    /// Total size of the messages of the calls in [`Lanes::backlog`], in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Number of accepted calls that have not finished, in both lanes and outside of them.
    pub(super) fn backlog(&self) -> usize {
        let running = self.ordered_running + usize::from(self.is_stream_running) + self.elsewhere;
        self.ordered.len() + self.streams.len() + running
    }
}

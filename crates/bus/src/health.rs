//! Health of the transport, as this node sees it: own messages come back, or they do not.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// State of the bus of one node, for the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BusHealth {
    /// Name of the transport.
    pub transport: &'static str,
    /// True while messages arrive.
    pub is_up: bool,
    /// Number of other nodes.
    pub nodes: usize,
}

/// Observation of the transport.
#[derive(Debug)]
pub(crate) struct Watch(Mutex<State>);

#[derive(Debug)]
struct State {
    is_up: bool,
    /// Time of the last own message that came back, or of the start.
    heard: Instant,
}

impl Watch {
    pub(crate) fn new(now: Instant) -> Self {
        Self(Mutex::new(State { is_up: true, heard: now }))
    }

    pub(crate) fn is_up(&self) -> bool {
        self.0.lock().is_up
    }

    /// Records an own message that came back; true if the transport was down.
    pub(crate) fn heard(&self, now: Instant) -> bool {
        let mut state = self.0.lock();
        state.heard = now;
        !std::mem::replace(&mut state.is_up, true)
    }

    /// Begins to wait for an own message anew, over new connections.
    pub(crate) fn restart(&self, now: Instant) {
        self.0.lock().heard = now;
    }

    /// Records a failure of the transport; true if it was up.
    pub(crate) fn failed(&self) -> bool {
        std::mem::replace(&mut self.0.lock().is_up, false)
    }

    /// Time since an own message came back.
    pub(crate) fn silence(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.0.lock().heard)
    }
}

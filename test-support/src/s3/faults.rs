//! Fault injection and request counters of the S3 server.

use parking_lot::Mutex;
use tokio::sync::watch;

/// Fault of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Delays the request until faults are cleared.
    Hold,
    /// Receives the request, and executes it when faults are cleared, even if the client has hung up.
    HoldReceived,
    /// Responds with this status without executing the request.
    Status(u16),
    /// Closes the connection without a response.
    HangUp,
    /// Closes the connection after this many bytes of the response body.
    CutAfter(usize),
}

/// Request counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gauge {
    /// Requests received.
    pub requests: usize,
    /// Requests delayed at the moment.
    pub held: usize,
    /// Maximum number of concurrent part uploads.
    pub parts_at_once: usize,
    pub(super) parts: usize,
}

#[derive(Clone, Copy, Debug)]
struct PlannedFault {
    /// Numbers of requests.
    from: usize,
    to: usize,
    fault: Fault,
}

#[derive(Debug)]
pub(super) struct FaultPlan {
    planned: Mutex<Option<PlannedFault>>,
    gauge: watch::Sender<Gauge>,
    clears: watch::Sender<usize>,
}

impl Default for FaultPlan {
    fn default() -> Self {
        Self {
            planned: Mutex::default(),
            gauge: watch::Sender::new(Gauge::default()),
            clears: watch::Sender::new(0),
        }
    }
}

impl FaultPlan {
    pub(super) fn from(&self, nth: usize, fault: Fault) {
        self.set(nth, usize::MAX, fault);
    }

    pub(super) fn once(&self, nth: usize, fault: Fault) {
        self.set(nth, nth, fault);
    }

    pub(super) fn clear(&self) {
        *self.planned.lock() = None;
        self.clears.send_modify(|clears| *clears += 1);
    }

    pub(super) fn gauge(&self) -> Gauge {
        *self.gauge.borrow()
    }

    pub(super) async fn until(&self, reached: impl Fn(&Gauge) -> bool, what: String) {
        let mut gauge = self.gauge.subscribe();
        let seen = crate::within(what, gauge.wait_for(|gauge| reached(gauge))).await;
        assert!(seen.is_ok(), "the store is gone");
    }

    /// Counts a request and returns its fault.
    pub(super) fn arrival(&self) -> Option<Fault> {
        let mut number = 0;
        self.gauge.send_modify(|gauge| {
            gauge.requests += 1;
            number = gauge.requests;
        });
        let planned = (*self.planned.lock())?;
        (planned.from..=planned.to).contains(&number).then_some(planned.fault)
    }

    /// Waits until faults are cleared.
    pub(super) async fn hold(&self) {
        let mut clears = self.clears.subscribe();
        self.gauge.send_modify(|gauge| gauge.held += 1);
        let _held = Counted { plan: self, uncount: |gauge| gauge.held -= 1 };
        // Ends with the store, too.
        let _changed = clears.changed().await;
    }

    /// Counts a part upload while the guard lives.
    pub(super) fn part(&self) -> Counted<'_> {
        self.gauge.send_modify(|gauge| {
            gauge.parts += 1;
            gauge.parts_at_once = gauge.parts_at_once.max(gauge.parts);
        });
        Counted { plan: self, uncount: |gauge| gauge.parts -= 1 }
    }

    fn set(&self, from: usize, to: usize, fault: Fault) {
        let so_far = self.gauge().requests;
        let (from, to) = (so_far.saturating_add(from), so_far.saturating_add(to));
        *self.planned.lock() = Some(PlannedFault { from, to, fault });
    }
}

/// Guard of a counted request.
pub(super) struct Counted<'a> {
    plan: &'a FaultPlan,
    uncount: fn(&mut Gauge),
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.plan.gauge.send_modify(self.uncount);
    }
}

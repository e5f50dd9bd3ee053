//! Tracking of deliveries to watchers: latencies, completeness, and the window of the load.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinSet;

use crate::clock;
use crate::connection::LoadConnection;
use crate::figures::{Figures, Latencies, rate};
use crate::frames::FrameHandler;
use crate::period::Period;

/// Matches deliveries to messages, and limits the messages in flight to a window.
///
/// The n-th notification of each watcher is attributed to the n-th message sent, because one space has one order. With
/// several writers this holds on average only: their pushes may commit in another order than they were sent.
#[derive(Debug)]
pub(crate) struct DeliveryTracker {
    watchers: u64,
    state: RefCell<State>,
    complete: Cell<u64>,
    deliveries: Cell<u64>,
    closed: Cell<u64>,
    /// Permits, one for each message that may be sent; returned when the message is complete.
    window: Semaphore,
    changed: Notify,
}

#[derive(Debug)]
struct State {
    /// Time of sending and number of deliveries, of every message.
    sent: Vec<(Instant, u64)>,
    /// Latencies of all deliveries.
    each: Latencies,
    /// Latencies of the last delivery of each message.
    last: Latencies,
}

/// Deliveries since the tracker was cleared.
#[derive(Debug)]
pub(crate) struct Deliveries {
    pub(crate) count: u64,
    /// Latencies of all deliveries.
    pub(crate) each: Latencies,
    /// Latencies of the last delivery of each message.
    pub(crate) last: Latencies,
}

impl Deliveries {
    /// Adds counts, rates and latencies; `messages` is the name of what was delivered.
    pub(crate) fn add_to(&self, figures: &mut Figures, messages: &str, period: Period) {
        figures.add(messages, self.last.count());
        figures.add_decimal(format!("{messages}_per_s"), rate(self.last.count(), period.time()));
        figures.add("deliveries", self.count);
        figures.add_decimal("deliveries_per_s", rate(self.count, period.time()));
        figures.add_latencies("delivery", &self.each);
        figures.add_latencies("last_delivery", &self.last);
    }
}

impl DeliveryTracker {
    /// Tracker for this many watchers and a window of this many messages in flight.
    pub(crate) fn new(watchers: usize, window: usize) -> anyhow::Result<Rc<Self>> {
        let state = State { sent: Vec::new(), each: Latencies::new()?, last: Latencies::new()? };
        Ok(Rc::new(Self {
            watchers: watchers as u64,
            state: RefCell::new(state),
            complete: Cell::new(0),
            deliveries: Cell::new(0),
            closed: Cell::new(0),
            window: Semaphore::new(window),
            changed: Notify::new(),
        }))
    }

    /// Spawns a reader for every connection; dropping the set aborts them.
    pub(crate) fn watch(self: &Rc<Self>, connections: Vec<LoadConnection>) -> JoinSet<()> {
        let mut tasks = JoinSet::new();
        for connection in connections {
            tasks.spawn_local(self.clone().read(connection));
        }
        tasks
    }

    async fn read(self: Rc<Self>, mut connection: LoadConnection) {
        let mut watcher = Watcher { tracker: &self, delivered: 0, now: None };
        while connection.read(&mut watcher).await.is_ok() {
            watcher.now = None;
        }
        self.closed.set(self.closed.get() + 1);
        // Writers that wait for the window must see the closed watcher and fail.
        self.window.close();
        self.changed.notify_one();
    }

    /// Takes a place in the window for a message that is sent now; `false` when the window is full.
    pub(crate) fn try_send(&self) -> bool {
        let Ok(permit) = self.window.try_acquire() else { return false };
        permit.forget();
        self.state.borrow_mut().sent.push((clock::instant(), 0));
        true
    }

    /// Waits until the window has a free place, or a watcher is closed. Cancel-safe.
    pub(crate) async fn until_window_opens(&self) {
        // Fails after a watcher was closed; the caller checks `closed`.
        let _permit = self.window.acquire().await;
    }

    /// Messages that have not reached every watcher yet.
    pub(crate) fn outstanding(&self) -> u64 {
        self.state.borrow().sent.len() as u64 - self.complete.get()
    }

    /// Messages sent.
    pub(crate) fn sent(&self) -> u64 {
        self.state.borrow().sent.len() as u64
    }

    /// Watchers whose connection has ended.
    pub(crate) fn closed(&self) -> u64 {
        self.closed.get()
    }

    /// Waits until every message is complete; `false` if no delivery arrives for five seconds, or a watcher is closed.
    pub(crate) async fn settle(&self) -> bool {
        const TIMEOUT: Duration = Duration::from_secs(5);
        while self.outstanding() > 0 && self.closed() == 0 {
            let before = self.deliveries.get();
            let moved = tokio::time::timeout(TIMEOUT, self.changed.notified()).await.is_ok();
            // `changed` reports complete messages only; deliveries of an incomplete one are progress, too.
            if !moved && before == self.deliveries.get() {
                return false;
            }
        }
        self.outstanding() == 0
    }

    /// Clears the figures at the end of the warm-up; messages in flight stay.
    pub(crate) fn clear(&self) {
        self.deliveries.set(0);
        let mut state = self.state.borrow_mut();
        state.each.clear();
        state.last.clear();
    }

    /// Figures since the tracker was cleared.
    pub(crate) fn deliveries(&self) -> Deliveries {
        let state = self.state.borrow();
        Deliveries { count: self.deliveries.get(), each: state.each.clone(), last: state.last.clone() }
    }

    fn delivered(&self, index: u64, now: Instant) {
        self.deliveries.set(self.deliveries.get() + 1);
        let mut state = self.state.borrow_mut();
        let State { sent, each, last } = &mut *state;
        let Some((at, count)) = usize::try_from(index).ok().and_then(|index| sent.get_mut(index)) else {
            return;
        };
        let latency = now.saturating_duration_since(*at);
        *count += 1;
        each.record(latency);
        if *count == self.watchers {
            last.record(latency);
            self.complete.set(self.complete.get() + 1);
            self.window.add_permits(1);
            self.changed.notify_one();
        }
    }
}

struct Watcher<'t> {
    tracker: &'t DeliveryTracker,
    delivered: u64,
    /// Time of the current read. All frames of one read share it, which saves a clock call per delivery.
    now: Option<Instant>,
}

impl FrameHandler for Watcher<'_> {
    fn notification(&mut self) {
        let now = *self.now.get_or_insert_with(clock::instant);
        self.tracker.delivered(self.delivered, now);
        self.delivered += 1;
    }
}

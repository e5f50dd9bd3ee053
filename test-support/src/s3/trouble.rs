//! Fault injection and request counters of the S3 server.

use parking_lot::Mutex;
use tokio::sync::watch;

/// Fault of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Delays the request until faults are cleared.
    Hold,
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
struct Forecast {
    /// Numbers of requests.
    from: usize,
    to: usize,
    trouble: Trouble,
}

#[derive(Debug)]
pub(super) struct Weather {
    forecast: Mutex<Option<Forecast>>,
    gauge: watch::Sender<Gauge>,
    calms: watch::Sender<usize>,
}

impl Default for Weather {
    fn default() -> Self {
        Self {
            forecast: Mutex::default(),
            gauge: watch::Sender::new(Gauge::default()),
            calms: watch::Sender::new(0),
        }
    }
}

impl Weather {
    pub(super) fn from(&self, nth: usize, trouble: Trouble) {
        self.plan(nth, usize::MAX, trouble);
    }

    pub(super) fn once(&self, nth: usize, trouble: Trouble) {
        self.plan(nth, nth, trouble);
    }

    pub(super) fn calm(&self) {
        *self.forecast.lock() = None;
        self.calms.send_modify(|calms| *calms += 1);
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
    pub(super) fn arrival(&self) -> Option<Trouble> {
        let mut number = 0;
        self.gauge.send_modify(|gauge| {
            gauge.requests += 1;
            number = gauge.requests;
        });
        let forecast = (*self.forecast.lock())?;
        (forecast.from..=forecast.to).contains(&number).then_some(forecast.trouble)
    }

    /// Waits until faults are cleared.
    pub(super) async fn hold(&self) {
        let mut calms = self.calms.subscribe();
        self.gauge.send_modify(|gauge| gauge.held += 1);
        let _held = Counted { weather: self, uncount: |gauge| gauge.held -= 1 };
        // Ends with the store, too.
        let _changed = calms.changed().await;
    }

    /// Counts a part upload while the guard lives.
    pub(super) fn part(&self) -> Counted<'_> {
        self.gauge.send_modify(|gauge| {
            gauge.parts += 1;
            gauge.parts_at_once = gauge.parts_at_once.max(gauge.parts);
        });
        Counted { weather: self, uncount: |gauge| gauge.parts -= 1 }
    }

    fn plan(&self, from: usize, to: usize, trouble: Trouble) {
        let so_far = self.gauge().requests;
        let (from, to) = (so_far.saturating_add(from), so_far.saturating_add(to));
        *self.forecast.lock() = Some(Forecast { from, to, trouble });
    }
}

/// Guard of a counted request.
pub(super) struct Counted<'a> {
    weather: &'a Weather,
    uncount: fn(&mut Gauge),
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.weather.gauge.send_modify(self.uncount);
    }
}

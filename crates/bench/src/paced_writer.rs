//! Writer with a schedule: pushes in a closed loop or at a fixed rate, and the latency of each.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::Context as _;

use crate::clock;
use crate::connection::LoadConnection;
use crate::figures::Latencies;
use crate::period::Period;
use crate::pushes::{PushGenerator, PushResponses};

/// Times at which one connection may push.
///
/// Without a rate the loop is closed: a push leaves when the window has room, and is timed from then. With a rate it is
/// open: a push has a scheduled time, and is timed from that even if a full window delays it. Otherwise a server that
/// stalls would also stop the clock of the pushes it delays (coordinated omission).
pub(crate) struct Schedule {
    /// Maximum pushes without a response.
    window: usize,
    /// Interval between two pushes, and the scheduled time of the next one; `None` without a rate.
    pace: Option<(Duration, Instant)>,
}

impl Schedule {
    /// Closed loop: as many pushes as the window of `window` pushes allows.
    pub(crate) fn closed(window: usize) -> Self {
        Self { window, pace: None }
    }

    /// Open loop: a push every `interval`, with at most `window` pushes without a response.
    pub(crate) fn open(window: usize, interval: Duration) -> Self {
        // A random phase spreads the connections over the interval, so that they do not push in bursts.
        let first = clock::instant() + interval.mul_f64(rand::random_range(0.0..1.0));
        Self { window, pace: Some((interval, first)) }
    }

    /// Takes the start time of the next push; `None` if it may not leave yet.
    fn take(&mut self, pending: usize) -> Option<Instant> {
        let now = clock::instant();
        if pending >= self.window {
            return None;
        }
        let Some((interval, due)) = &mut self.pace else { return Some(now) };
        let taken = (*due <= now).then_some(*due)?;
        *due += *interval;
        Some(taken)
    }

    /// Returns whether the latency of a push counts: in a closed loop if its response arrived within `period`, in an open
    /// loop if it was scheduled within it, so that a push which the server delays beyond the end counts, too.
    fn counts(&self, period: Period, at: Instant, now: Instant) -> bool {
        period.contains(if self.pace.is_some() { at } else { now })
    }

    /// Waits for the scheduled time of the next push; forever without a rate.
    async fn due(&self) {
        match self.pace {
            Some((_, due)) => tokio::time::sleep_until(due.into()).await,
            None => std::future::pending().await,
        }
    }
}

/// Pushes on schedule until the end of the period, then waits for the remaining responses. Latencies of the pushes of the
/// period are recorded.
pub(crate) async fn write(
    mut connection: LoadConnection,
    mut writes: PushGenerator,
    mut schedule: Schedule,
    period: Period,
    latencies: Rc<RefCell<Latencies>>,
) -> anyhow::Result<()> {
    let mut sent: VecDeque<Instant> = VecDeque::new();
    let mut out = Vec::new();
    let mut responses = PushResponses::default();
    loop {
        out.clear();
        while !period.is_over()
            && let Some(at) = schedule.take(sent.len())
        {
            writes.append(&mut out);
            sent.push_back(at);
        }
        if sent.is_empty() && period.is_over() {
            return Ok(());
        }
        connection.send_framed(&out).await.context("writer connection closed")?;
        tokio::select! {
            read = connection.read(&mut responses), if !sent.is_empty() => read.context("writer connection closed")?,
            () = schedule.due(), if sent.len() < schedule.window && !period.is_over() => {}
            () = period.end(), if sent.is_empty() => {}
        }
        responses.check()?;
        let now = clock::instant();
        for _ in responses.cursors.drain(..) {
            // Responses to pushes of one connection to one space arrive in the order of the requests.
            if let Some(at) = sent.pop_front()
                && schedule.counts(period, at, now)
            {
                latencies.borrow_mut().record(now - at);
            }
        }
    }
}

//! Bodies of relayed files, with their timers (federation §13.3).

use std::any::Any;
use std::sync::Arc;
use std::time::Instant;

use futures_util::{StreamExt as _, stream};
use less_sync_engine::{BrokenBody, Clock, RelayedBody};
use parking_lot::Mutex;

use super::timing::OutboundTiming;

/// Progress of the body of an upload.
#[derive(Debug)]
pub(super) struct Progress {
    at: Instant,
    is_sent: bool,
    is_broken: bool,
}

/// Progress that the body and its observer share.
pub(super) type SharedProgress = Arc<Mutex<Progress>>;

/// Progress before the first byte.
pub(super) fn progress(now: Instant, has_body: bool) -> SharedProgress {
    Arc::new(Mutex::new(Progress { at: now, is_sent: !has_body, is_broken: false }))
}

impl Progress {
    /// Time at which the peer is too slow: to take more of the body, or to respond once it has all of it.
    pub(super) fn deadline(&self, timing: &OutboundTiming) -> Instant {
        let patience = if self.is_sent { timing.first_byte } else { timing.body_idle };
        self.at + timing.dial + patience
    }

    /// Returns true for a body that has ended before its length.
    pub(super) fn is_broken(&self) -> bool {
        self.is_broken
    }
}

/// The body of an upload of `length` bytes, whose progress is noted.
pub(super) fn upload(
    body: RelayedBody,
    length: u64,
    progress: SharedProgress,
    clock: Arc<dyn Clock>,
) -> RelayedBody {
    let reading = (body, length, progress, clock);
    let watched = stream::unfold(reading, |(mut body, left, progress, clock)| async move {
        let chunk = body.next().await;
        let (rest, is_sent) = match &chunk {
            Some(Ok(bytes)) => (left.checked_sub(bytes.len() as u64), false),
            Some(Err(_)) => (None, false),
            None => ((left == 0).then_some(0), true),
        };
        {
            let mut progress = progress.lock();
            progress.at = clock.instant();
            progress.is_sent = is_sent || rest == Some(0);
            progress.is_broken |= rest.is_none();
        }
        match (chunk, rest) {
            (Some(Ok(bytes)), Some(left)) => Some((Ok(bytes), (body, left, progress, clock))),
            (None, Some(_)) => None,
            (Some(_) | None, _) => Some((Err(BrokenBody), (stream::empty().boxed(), 0, progress, clock))),
        }
    });
    watched.boxed()
}

/// The body of a response, which ends with an error after a pause that is too long. `guard` is dropped with it.
pub(super) fn download(
    body: RelayedBody,
    clock: Arc<dyn Clock>,
    timing: Arc<OutboundTiming>,
    guard: impl Any + Send,
) -> RelayedBody {
    let reading = (Some(body), clock, timing, guard);
    let timed = stream::unfold(reading, |(body, clock, timing, guard)| async move {
        let mut body = body?;
        let idle = clock.sleep_until(clock.instant() + timing.body_idle);
        let next = tokio::select! {
            biased;
            next = body.next() => next?,
            () = idle => Err(BrokenBody),
        };
        let rest = next.is_ok().then_some(body);
        Some((next, (rest, clock, timing, guard)))
    });
    timed.boxed()
}

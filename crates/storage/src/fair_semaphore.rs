//! Semaphore whose permits are shared fairly by flows.

use std::fmt;
use std::sync::Arc;

use futures_channel::oneshot;
use parking_lot::Mutex;

use crate::Flow;
use crate::turns::Turns;

/// Semaphore whose permits are shared fairly by flows: a flow holds at most its share of them, and flows that wait get permits
/// in turn. Cheap to clone.
#[derive(Clone)]
pub struct FairSemaphore(Arc<Mutex<State>>);

struct State {
    turns: Turns<oneshot::Sender<FairPermit>>,
    is_closed: bool,
    /// Notified when the semaphore is closed and all permits are back.
    closers: Vec<oneshot::Sender<()>>,
}

/// Permit of a [`FairSemaphore`], given back when it is dropped.
#[must_use = "a permit that is dropped at once limits nothing"]
pub struct FairPermit {
    semaphore: FairSemaphore,
    flow: Flow,
    /// False once the permit is given back.
    is_held: bool,
}

/// The semaphore was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("semaphore is closed")]
pub struct SemaphoreClosed;

impl FairSemaphore {
    /// A semaphore with so many permits; at least one. A flow holds at most all but one of several.
    #[must_use]
    pub fn new(permits: usize) -> Self {
        Self::with_share(permits, permits.saturating_sub(1))
    }

    /// A semaphore with so many permits, of which a flow holds at most `share`; at least one of both.
    #[must_use]
    pub fn with_share(permits: usize, share: usize) -> Self {
        let state = State { turns: Turns::with_share(permits, share), is_closed: false, closers: Vec::new() };
        Self(Arc::new(Mutex::new(state)))
    }

    /// Waits for the turn of `flow`. A caller that is dropped leaves the queue.
    ///
    /// # Errors
    /// [`SemaphoreClosed`], when it was closed before the call.
    pub async fn acquire(&self, flow: Flow) -> Result<FairPermit, SemaphoreClosed> {
        let granted = {
            let mut state = self.0.lock();
            if state.is_closed {
                return Err(SemaphoreClosed);
            }
            if state.turns.take(flow) {
                return Ok(self.permit(flow));
            }
            let (grant, granted) = oneshot::channel();
            state.turns.wait(flow, grant);
            granted
        };
        granted.await.map_err(|_| SemaphoreClosed)
    }

    /// Permits held, and callers that wait for one.
    #[must_use]
    pub fn in_use(&self) -> (usize, usize) {
        let state = self.0.lock();
        (state.turns.taken(), state.turns.waiting())
    }

    /// Rejects further callers, and waits until those before it have had their permits and given them back.
    pub async fn close(&self) {
        let (done, is_done) = oneshot::channel();
        {
            let mut state = self.0.lock();
            state.is_closed = true;
            if state.turns.is_idle() {
                return;
            }
            state.closers.push(done);
        }
        // An error means that the semaphore is gone, and its permits with it.
        let _ = is_done.await;
    }

    fn permit(&self, flow: Flow) -> FairPermit {
        FairPermit { semaphore: self.clone(), flow, is_held: true }
    }

    /// Gives back a permit of `flow` and grants what has become free. Senders are used without the lock: a permit that
    /// meets a dropped receiver comes back here.
    fn release(&self, flow: Flow) {
        let mut returned = vec![flow];
        while !returned.is_empty() {
            let (granted, closers) = {
                let mut state = self.0.lock();
                for flow in returned.drain(..) {
                    state.turns.release(flow);
                }
                let granted: Vec<_> = std::iter::from_fn(|| state.turns.next()).collect();
                let is_over = state.turns.is_idle();
                (granted, if is_over { std::mem::take(&mut state.closers) } else { Vec::new() })
            };
            for (flow, grant) in granted {
                if let Err(mut undelivered) = grant.send(self.permit(flow)) {
                    undelivered.is_held = false;
                    returned.push(flow);
                }
            }
            for closer in closers {
                // A closer that was dropped does not wait any more.
                let _ = closer.send(());
            }
        }
    }
}

impl Drop for FairPermit {
    fn drop(&mut self) {
        if self.is_held {
            self.semaphore.release(self.flow);
        }
    }
}

impl fmt::Debug for FairSemaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FairSemaphore").finish_non_exhaustive()
    }
}

impl fmt::Debug for FairPermit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FairPermit").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    const A: Flow = Flow::new(1);
    const B: Flow = Flow::new(2);

    #[test]
    fn flow_with_many_callers_leaves_a_permit_to_others() {
        let semaphore = FairSemaphore::new(2);
        let first = semaphore.acquire(A).now_or_never().unwrap();
        let (mut second, mut third) = (Box::pin(semaphore.acquire(A)), Box::pin(semaphore.acquire(A)));
        assert!(second.as_mut().now_or_never().is_none() && third.as_mut().now_or_never().is_none());
        let other = semaphore.acquire(B).now_or_never().unwrap();
        // A caller that has gone does not keep its permit.
        drop(second);
        drop(first);
        assert!(third.now_or_never().unwrap().is_ok());
        assert!(other.is_ok());
    }

    #[test]
    fn closing_waits_for_callers_before_it_and_rejects_those_after() {
        let semaphore = FairSemaphore::new(1);
        let first = semaphore.acquire(A).now_or_never().unwrap();
        let mut waiting = Box::pin(semaphore.acquire(A));
        assert!(waiting.as_mut().now_or_never().is_none());
        let mut closing = Box::pin(semaphore.close());
        assert!(closing.as_mut().now_or_never().is_none());
        assert_eq!(semaphore.acquire(B).now_or_never().unwrap().unwrap_err(), SemaphoreClosed);
        drop(first);
        assert!(closing.as_mut().now_or_never().is_none());
        drop(waiting.now_or_never().unwrap());
        assert!(closing.now_or_never().is_some());
    }
}

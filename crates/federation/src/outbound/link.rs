//! Outbound link: its queue and its pending calls (federation PM-2).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use bytes::Bytes;
use less_sync_core::wire::federation::{FED_CANCEL, FedCancelParams};
use less_sync_core::{PeerId, frame};
use less_sync_engine::{Clock, Spawner};
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};

use super::call::{OutboundCall, RawItem};
pub(super) use super::link_end::{LinkEnd, LocalEnd};
use super::listener::LinkListener;
use super::pending::{PendingCall, PendingCalls, SendMark};
use super::response::Response;
use super::terms::Terms;
use super::timing::OutboundTiming;

/// Frame for the writer.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) frame: Bytes,
    pub(super) mark: SendMark,
}

/// Outcome of one attempt of a call.
#[derive(Debug)]
pub(super) enum Attempt {
    /// Response of the peer.
    Response(Response),
    /// No response in time.
    TimedOut,
    /// No place among the calls in flight in time.
    Busy,
    /// Request larger than the peer accepts.
    TooLarge,
    /// The link has ended; the request may have arrived, or certainly has not.
    Lost {
        /// True when the request may have arrived.
        may_have_arrived: bool,
    },
}

/// Dependencies of a link.
#[derive(Clone)]
pub(super) struct LinkDeps {
    pub(super) peer: PeerId,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) spawner: Arc<dyn Spawner>,
    pub(super) timing: Arc<OutboundTiming>,
    pub(super) listener: Option<Arc<dyn LinkListener>>,
}

/// Open link.
pub(super) struct Link {
    deps: LinkDeps,
    number: u64,
    next_call: AtomicU64,
    calls: Arc<PendingCalls>,
    outgoing: mpsc::Sender<Outgoing>,
    end: watch::Sender<Option<LinkEnd>>,
    terms: Terms,
    in_flight: Arc<Semaphore>,
    opened: Instant,
    used: Mutex<Instant>,
}

impl Link {
    /// Link with the queue of its writer. `number` is unique among the links to the peer.
    pub(super) fn new(number: u64, terms: Terms, deps: LinkDeps) -> (Arc<Self>, mpsc::Receiver<Outgoing>) {
        let (outgoing, queued) = mpsc::channel(deps.timing.send_queue.max(1));
        let now = deps.clock.instant();
        let link = Arc::new(Self {
            number,
            next_call: AtomicU64::new(0),
            calls: Arc::new(PendingCalls::new()),
            outgoing,
            end: watch::Sender::new(None),
            in_flight: Arc::new(Semaphore::new(deps.timing.in_flight)),
            terms,
            opened: now,
            used: Mutex::new(now),
            deps,
        });
        (link, queued)
    }

    /// Number that is unique among the links to the peer.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Puts a notification into the queue of the writer; drops it when the queue is full or the link has ended.
    pub(super) fn notify(&self, method: &str, params: &Bytes) {
        let frame = frame::notification(method, &RawItem(params));
        // The peer ends a subscription with its token at the latest, and presence at its age.
        let _ = self.outgoing.try_send(Outgoing { frame, mark: SendMark::default() });
    }

    /// Dependencies of its tasks.
    pub(super) fn deps(&self) -> &LinkDeps {
        &self.deps
    }

    /// Pending calls.
    pub(super) fn calls(&self) -> &Arc<PendingCalls> {
        &self.calls
    }

    /// Agreed terms; those of an original peer until the handshake has ended.
    pub(super) fn terms(&self) -> &Terms {
        &self.terms
    }

    /// Sets the bound that the peer has announced.
    pub(super) fn limit_in_flight(&self, max: usize) {
        let surplus = self.deps.timing.in_flight.saturating_sub(max.max(1));
        self.in_flight.forget_permits(surplus);
    }

    /// Request id that is unique among all links to the peer (federation PM-6).
    pub(super) fn new_call_id(&self) -> String {
        format!("{:x}-{:x}", self.number, self.next_call.fetch_add(1, Ordering::Relaxed))
    }

    /// Time of the start.
    pub(super) fn opened(&self) -> Instant {
        self.opened
    }

    /// Time of the last call, and true while none is pending.
    pub(super) fn idleness(&self) -> (Instant, bool) {
        (*self.used.lock(), self.calls.len() == 0)
    }

    /// Number of pending calls.
    pub(super) fn pending(&self) -> usize {
        self.calls.len()
    }

    /// End of the link; `None` while it is open.
    pub(super) fn ended(&self) -> Option<LinkEnd> {
        self.end.borrow().clone()
    }

    /// Waits for the end. Cancel-safe.
    pub(super) async fn until_ended(&self) -> LinkEnd {
        let mut end = self.end.subscribe();
        match end.wait_for(Option::is_some).await {
            Ok(end) => end.clone().unwrap_or(LinkEnd::Lost),
            Err(_) => LinkEnd::Lost,
        }
    }

    /// Ends the link and its pending calls; the first cause stands.
    pub(super) fn end(&self, cause: LinkEnd) {
        self.end.send_if_modified(|end| {
            let is_first = end.is_none();
            if is_first {
                *end = Some(cause);
            }
            is_first
        });
        self.calls.end();
    }

    /// Sends a request and waits for its response.
    pub(super) async fn call(self: &Arc<Self>, id: &str, call: &OutboundCall) -> Attempt {
        match self.submit(id, call).await {
            Ok(submitted) => submitted.response().await,
            Err(attempt) => attempt,
        }
    }

    /// Puts a request into the queue of the writer: requests are sent in the order of these calls.
    ///
    /// # Errors
    /// The outcome of an attempt that ends here.
    pub(super) async fn submit(
        self: &Arc<Self>,
        id: &str,
        call: &OutboundCall,
    ) -> Result<Submitted, Attempt> {
        let clock = &self.deps.clock;
        let until = clock.instant() + call.timeout;
        let (frame, place) = self.admit(id, call).await?;
        let mark = SendMark::default();
        let pending = self.calls.register(id).ok_or(Attempt::Lost { may_have_arrived: false })?;
        self.enqueue(Outgoing { frame, mark: mark.clone() }, until).await?;
        Ok(Submitted { link: self.clone(), pending, mark, until, _place: place })
    }

    /// Encodes a request, and waits for a place among those in flight.
    ///
    /// # Errors
    /// As [`Self::submit`].
    pub(super) async fn admit(
        &self,
        id: &str,
        call: &OutboundCall,
    ) -> Result<(Bytes, OwnedSemaphorePermit), Attempt> {
        self.touch();
        let frame = frame::request(id, call.method, &RawItem(&call.params));
        if frame.len() > self.terms.max_frame(&self.deps.timing) {
            return Err(Attempt::TooLarge);
        }
        let clock = &self.deps.clock;
        let queue_wait = clock.sleep_until(clock.instant() + self.deps.timing.queue_wait);
        let place = tokio::select! {
            biased;
            place = self.in_flight.clone().acquire_owned() => place,
            () = queue_wait => return Err(Attempt::Busy),
        };
        Ok((frame, place.map_err(|_| Attempt::Lost { may_have_arrived: false })?))
    }

    /// Puts a frame into the queue of the writer, waiting for room until `until`.
    ///
    /// # Errors
    /// As [`Self::submit`].
    pub(super) async fn enqueue(&self, outgoing: Outgoing, until: Instant) -> Result<(), Attempt> {
        let mark = outgoing.mark.clone();
        let is_queued = tokio::select! {
            biased;
            sent = self.outgoing.send(outgoing) => sent.is_ok(),
            _ = self.until_ended() => false,
            () = self.deps.clock.sleep_until(until) => return Err(Attempt::TimedOut),
        };
        if is_queued { Ok(()) } else { Err(Attempt::Lost { may_have_arrived: mark.is_set() }) }
    }

    /// Tells the peer that the response to a call is not needed any more (federation §9.8).
    pub(super) fn cancel(self: &Arc<Self>, id: &str) {
        let frame = frame::notification(FED_CANCEL, &FedCancelParams { id });
        let outgoing = Outgoing { frame, mark: SendMark::default() };
        if let Err(mpsc::error::TrySendError::Full(outgoing)) = self.outgoing.try_send(outgoing) {
            let (link, until) = (self.clone(), self.deps.clock.instant() + self.deps.timing.queue_wait);
            let send = async move {
                // Without the notification the peer sends the rest, which is dropped.
                let _ = link.enqueue(outgoing, until).await;
            };
            self.deps.spawner.spawn("federation cancel", Box::pin(send));
        }
    }

    /// Takes note of a use of the link.
    pub(super) fn touch(&self) {
        *self.used.lock() = self.deps.clock.instant();
    }
}

/// Request that is on its way.
#[derive(Debug)]
pub(super) struct Submitted {
    link: Arc<Link>,
    pending: PendingCall,
    mark: SendMark,
    until: Instant,
    _place: OwnedSemaphorePermit,
}

impl Submitted {
    /// Waits for the response.
    pub(super) async fn response(mut self) -> Attempt {
        let clock = self.link.deps.clock.clone();
        let attempt = tokio::select! {
            biased;
            response = self.pending.response() => match response {
                Some(response) => Attempt::Response(response),
                None => Attempt::Lost { may_have_arrived: self.mark.is_set() },
            },
            () = clock.sleep_until(self.until) => Attempt::TimedOut,
        };
        self.link.touch();
        attempt
    }
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link").field("number", &self.number).finish_non_exhaustive()
    }
}

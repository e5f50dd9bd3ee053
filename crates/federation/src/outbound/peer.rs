//! Peer object: the state of the link to one peer, and the calls that it carries (federation §12.1, §12.3).

mod dial;
mod files;
mod monitor;
mod stream;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::Instant;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use less_sync_core::PeerId;
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::call::{OutboundCall, Repeat};
use super::link::{Attempt, Link, LinkEnd, LocalEnd, Submitted};
use super::shared::Shared;
use super::target::TargetCache;
use crate::trust::Peer;
use less_sync_engine::{HomeError, RemoteResponse};

pub(super) use stream::{CallStream, Part};

/// Concurrent transfers of files with a peer in one direction (federation FI-2).
const TRANSFERS: usize = 8;

/// Feature of idempotency keys.
const IDEM: &str = "idem";

/// State of the link to a peer (federation PM-4). A replaced link drains beside the one that took its place.
#[derive(Clone, Debug)]
enum State {
    /// No link, and no reason to delay a dial.
    Idle,
    /// Dial in progress.
    Dialing,
    /// Open link.
    Up(Arc<Link>),
    /// No dial before this time.
    Waiting { until: Instant, is_halted: bool },
}

/// Peer object.
pub(super) struct PeerObject {
    id: PeerId,
    shared: Arc<Shared>,
    state: Mutex<State>,
    /// Sent after each change of the state.
    changed: watch::Sender<()>,
    /// Failures in a row.
    failures: Mutex<u32>,
    places: Arc<Semaphore>,
    uploads: Arc<Semaphore>,
    downloads: Arc<Semaphore>,
    next_link: AtomicU64,
    /// True after a peer has accepted the form of original listeners only (federation AU-5).
    signs_as_ws: AtomicBool,
    target: TargetCache,
    /// Time of the last logged failure.
    logged: Mutex<Option<Instant>>,
}

/// Undecoded result with the number of the link that carried it, or the failure.
pub(super) type NumberedResponse = BoxFuture<'static, Result<(Bytes, u64), HomeError>>;

/// Next step of a caller that needs a link.
enum Step {
    Use(Arc<Link>),
    Wait,
    WaitUntil(Instant),
    Fail(HomeError),
}

impl PeerObject {
    pub(super) fn new(id: PeerId, shared: Arc<Shared>) -> Arc<Self> {
        Arc::new(Self {
            id,
            state: Mutex::new(State::Idle),
            changed: watch::Sender::new(()),
            failures: Mutex::new(0),
            places: Arc::new(Semaphore::new(shared.deps.timing.in_flight)),
            uploads: Arc::new(Semaphore::new(TRANSFERS)),
            downloads: Arc::new(Semaphore::new(TRANSFERS)),
            next_link: AtomicU64::new(0),
            signs_as_ws: AtomicBool::new(false),
            target: TargetCache::default(),
            logged: Mutex::new(None),
            shared,
        })
    }

    /// Entry of the peer while it is trusted and may be dialled (federation INV-7).
    fn trusted(&self) -> Option<Peer> {
        self.shared.deps.trust.snapshot().peer(&self.id).filter(|peer| peer.may_be_dialled()).cloned()
    }

    /// Number of open links.
    pub(super) fn open_links(&self) -> usize {
        usize::from(matches!(&*self.state.lock(), State::Up(link) if link.ended().is_none()))
    }

    /// Number of pending calls.
    pub(super) fn pending_calls(&self) -> usize {
        match &*self.state.lock() {
            State::Up(link) => link.pending(),
            State::Idle | State::Dialing | State::Waiting { .. } => 0,
        }
    }

    /// Closes the link when the peer is not trusted any more. A peer that is trusted again may be dialled at once.
    pub(super) fn enforce_trust(&self) {
        let is_trusted = self.trusted().is_some();
        let mut state = self.state.lock();
        match &*state {
            State::Up(link) if !is_trusted => {
                // Event name of federation §18.4.
                tracing::warn!(peer = %self.id, pending_calls = link.pending(), "federation.trust_revoked");
                link.end(LinkEnd::ByUs(LocalEnd::Untrusted));
                *state = State::Idle;
            }
            State::Waiting { .. } => *state = State::Idle,
            State::Up(_) | State::Idle | State::Dialing => {}
        }
        drop(state);
        self.changed.send_replace(());
    }

    /// Closes the link because the server stops.
    pub(super) fn shut_down(&self) {
        if let State::Up(link) = &*self.state.lock() {
            link.end(LinkEnd::ByUs(LocalEnd::Shutdown));
        }
    }

    /// Hands a call to the link, dialling if needed; the returned future waits for the response, and repeats the call at most
    /// once.
    ///
    /// # Errors
    /// [`HomeError`] of a call that was certainly not sent.
    pub(super) async fn begin(self: &Arc<Self>, call: OutboundCall) -> Result<RemoteResponse, HomeError> {
        let response = self.begin_on(call).await?;
        Ok(Box::pin(async move { response.await.map(|(result, _)| result) }))
    }

    /// As [`Self::begin`], with the number of the link that carried the response.
    ///
    /// # Errors
    /// As [`Self::begin`].
    pub(super) async fn begin_on(
        self: &Arc<Self>,
        call: OutboundCall,
    ) -> Result<NumberedResponse, HomeError> {
        let clock = self.shared.deps.clock.clone();
        let started = clock.instant();
        let budget = started + self.shared.deps.timing.budget;
        let begun = tokio::select! {
            biased;
            begun = self.first(&call) => begun,
            () = clock.sleep_until(budget) => Err(HomeError::Unavailable),
        };
        let begun = begun.inspect_err(|error| self.count(call.method, started, Err(error)))?;
        let peer = self.clone();
        Ok(Box::pin(async move {
            let outcome = tokio::select! {
                biased;
                outcome = peer.rest(&call, begun, budget) => outcome,
                () = clock.sleep_until(budget) => Err(HomeError::Unavailable),
            };
            peer.count(call.method, started, outcome.as_ref().map(drop));
            outcome
        }))
    }

    /// First attempt, up to the queue of the link.
    async fn first(self: &Arc<Self>, call: &OutboundCall) -> Result<Begun, HomeError> {
        let place = self.place().await?;
        let link = self.obtain(None).await?;
        check_feature(&link, call)?;
        let id = link.new_call_id();
        let submitted = link.submit(&id, call).await;
        Ok(Begun { link, id, submitted, _place: place })
    }

    /// Response of the first attempt, or the second attempt after the loss of the link.
    async fn rest(
        self: &Arc<Self>,
        call: &OutboundCall,
        begun: Begun,
        budget: Instant,
    ) -> Result<(Bytes, u64), HomeError> {
        let Begun { link, id, submitted, _place } = begun;
        let first = match submitted {
            Ok(submitted) => submitted.response().await,
            Err(attempt) => attempt,
        };
        let Attempt::Lost { may_have_arrived } = first else {
            return self.result(first).map(|result| (result, link.number()));
        };
        let repeats = !may_have_arrived
            || match call.repeat {
                Repeat::Always => true,
                Repeat::Keyed => link.terms().has(IDEM),
                Repeat::Unsent => false,
            };
        if !repeats || self.trusted().is_none() {
            return self.result(first).map(|result| (result, link.number()));
        }
        // The request id stays the same (federation PM-6). The back-off is waited for: it follows the loss of the link.
        let link = self.obtain(Some(budget)).await?;
        check_feature(&link, call)?;
        self.result(link.call(&id, call).await).map(|result| (result, link.number()))
    }

    /// Result of an attempt after which there is no other one.
    fn result(&self, attempt: Attempt) -> Result<Bytes, HomeError> {
        match attempt {
            Attempt::Response(Ok(result)) => Ok(result),
            Attempt::Response(Err(error)) => {
                Err(HomeError::Rejected { code: error.code, message: error.message })
            }
            Attempt::Lost { .. } if self.trusted().is_none() => Err(HomeError::Untrusted),
            Attempt::Lost { .. } | Attempt::TimedOut => Err(HomeError::Unavailable),
            Attempt::Busy => Err(HomeError::Busy),
            Attempt::TooLarge => Err(HomeError::TooLarge),
        }
    }

    /// Counts a call.
    fn count(&self, method: &'static str, started: Instant, outcome: Result<(), &HomeError>) {
        let took = self.shared.deps.clock.instant().saturating_duration_since(started);
        self.shared.metrics.called(&self.id, method, took, outcome);
        if let Err(error) = outcome {
            let latency_ms = took.as_millis();
            tracing::debug!(peer = %self.id, method, error = %error, latency_ms, "call to a peer failed");
        }
    }

    /// Place among the calls in flight.
    async fn place(&self) -> Result<OwnedSemaphorePermit, HomeError> {
        let clock = &self.shared.deps.clock;
        let wait = clock.sleep_until(clock.instant() + self.shared.deps.timing.queue_wait);
        tokio::select! {
            biased;
            place = self.places.clone().acquire_owned() => place.map_err(|_| HomeError::Unavailable),
            () = wait => Err(HomeError::Busy),
        }
    }

    /// Open link; dials when there is none. With `patience` the end of a back-off is waited for up to that time.
    async fn obtain(self: &Arc<Self>, patience: Option<Instant>) -> Result<Arc<Link>, HomeError> {
        let clock = self.shared.deps.clock.clone();
        let mut changes = self.changed.subscribe();
        let give_up = patience.unwrap_or(clock.instant() + self.shared.deps.timing.dial_wait);
        loop {
            changes.borrow_and_update();
            let wake = match self.step(patience.is_some()) {
                Step::Use(link) => return Ok(link),
                Step::Fail(error) => return Err(error),
                Step::Wait => give_up,
                Step::WaitUntil(until) => until.min(give_up),
            };
            tokio::select! {
                biased;
                change = changes.changed() => change.map_err(|_| HomeError::Unavailable)?,
                () = clock.sleep_until(wake) => {
                    if wake >= give_up {
                        return Err(HomeError::Unavailable);
                    }
                }
            }
        }
    }

    fn step(self: &Arc<Self>, waits: bool) -> Step {
        if self.trusted().is_none() {
            return Step::Fail(HomeError::Untrusted);
        }
        let now = self.shared.deps.clock.instant();
        let mut state = self.state.lock();
        match &*state {
            State::Up(link) if link.ended().is_none() => return Step::Use(link.clone()),
            // The monitor of the link is about to change the state.
            State::Up(_) | State::Dialing => return Step::Wait,
            State::Waiting { until, is_halted } if now < *until => {
                let may_wait = waits && !is_halted;
                return if may_wait { Step::WaitUntil(*until) } else { Step::Fail(HomeError::Unavailable) };
            }
            State::Idle | State::Waiting { .. } => {}
        }
        *state = State::Dialing;
        drop(state);
        let peer = self.clone();
        self.shared.deps.spawner.spawn("federation link", Box::pin(async move { peer.run().await }));
        Step::Wait
    }

    fn enter(&self, state: State) {
        *self.state.lock() = state;
        self.changed.send_replace(());
        if let Some(listener) = self.shared.listener() {
            listener.link_changed(&self.id);
        }
    }

    /// Open link.
    pub(super) fn link(&self) -> Option<Arc<Link>> {
        match &*self.state.lock() {
            State::Up(link) if link.ended().is_none() => Some(link.clone()),
            State::Up(_) | State::Idle | State::Dialing | State::Waiting { .. } => None,
        }
    }

    /// Time of the next dial; `None`: at once.
    pub(super) fn next_dial(&self) -> Option<Instant> {
        match &*self.state.lock() {
            State::Waiting { until, .. } => Some(*until),
            State::Up(_) | State::Idle | State::Dialing => None,
        }
    }
}

/// Call whose first attempt has begun.
struct Begun {
    link: Arc<Link>,
    id: String,
    submitted: Result<Submitted, Attempt>,
    _place: OwnedSemaphorePermit,
}

fn check_feature(link: &Link, call: &OutboundCall) -> Result<(), HomeError> {
    let is_missing = call.feature.is_some_and(|feature| !link.terms().has(feature));
    if is_missing { Err(HomeError::Unsupported) } else { Ok(()) }
}

impl std::fmt::Debug for PeerObject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PeerObject").field("id", &self.id).finish_non_exhaustive()
    }
}

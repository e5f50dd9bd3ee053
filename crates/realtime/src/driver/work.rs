//! Running futures of a connection: the handshake, then the requests in both lanes.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use less_sync_auth::TokenError;
use less_sync_auth::did_proof::{Challenge, DidProof};
use less_sync_core::rights::Scope;
use less_sync_core::wire::method::Lane;
use less_sync_core::{Close, PeerNetwork};
use less_sync_engine::Job;

use super::event::{Admitted, Event};
use super::ordered_lane::OrderedLane;
use super::running::Running;
use crate::call::Call;
use crate::connection::Connection;
use crate::endpoint::Endpoint;
use crate::methods::{Completed, Enqueued};
use crate::session::AuthFrame;

/// Validates the token and registers the connection (protocol §1.4 steps 4 and 5). The rejections of an address are paced
/// (protocol §1.10).
pub(super) async fn admit(
    endpoint: Arc<Endpoint>,
    address: Option<PeerNetwork>,
    frame: AuthFrame,
    challenge: Option<Challenge>,
) -> Result<Box<Admitted>, Close> {
    let outcome = validate(&endpoint, frame, challenge).await;
    if outcome.is_err()
        && let Some(due) = address.and_then(|of| endpoint.rejection_pace.count(of, endpoint.clock.instant()))
    {
        endpoint.clock.sleep_until(due).await;
    }
    outcome
}

async fn validate(
    endpoint: &Endpoint,
    frame: AuthFrame,
    challenge: Option<Challenge>,
) -> Result<Box<Admitted>, Close> {
    // Without a challenge there is nothing that a proof could answer.
    let proof = challenge.as_ref().zip(frame.did_proof.as_deref());
    let proof = proof.map(|(challenge, signature)| DidProof { challenge, signature });
    let caller = endpoint.authenticator.authenticate_with(&frame.token, proof).await.map_err(rejection)?;
    if !caller.scopes.contains(Scope::Sync.as_str()) {
        return Err(Close::auth_failed("sync scope required"));
    }
    let permit = endpoint.registry.register(&caller).map_err(|_rejected| Close::TOO_MANY_CONNECTIONS)?;
    Ok(Box::new(Admitted { caller, permit }))
}

fn rejection(error: TokenError) -> Close {
    match error {
        TokenError::Missing => Close::auth_failed("missing auth token"),
        TokenError::Invalid(_) => Close::auth_failed("invalid auth token"),
        TokenError::Expired => Close::auth_failed("expired auth token"),
        TokenError::UntrustedIssuer => Close::auth_failed("untrusted auth issuer"),
        TokenError::KeySourceUnavailable | TokenError::BindingUnavailable => Close::AUTH_UNAVAILABLE,
    }
}

/// Running futures of one connection.
#[derive(Default)]
pub(super) struct Work {
    /// The handshake, until the connection is authenticated.
    pub(super) admitting: Option<BoxFuture<'static, Result<Box<Admitted>, Close>>>,
    ordered: Option<Box<OrderedLane>>,
    stream: Option<Box<Running<BoxFuture<'static, Completed>>>>,
}

impl Work {
    /// Starts a request. The session guarantees that its lane is free.
    pub(super) fn run(
        &mut self,
        connection: Arc<Connection>,
        call: Call,
        future: BoxFuture<'static, Completed>,
    ) {
        match call.lane() {
            Lane::Ordered => self.ordered(&call).run(Running::new(connection, call, future)),
            Lane::Stream => self.stream = Some(Box::new(Running::new(connection, call, future))),
        }
    }

    /// Starts a pipelined request, which runs in the ordered lane.
    pub(super) fn run_pipelined(
        &mut self,
        connection: Arc<Connection>,
        call: Call,
        first_phase: BoxFuture<'static, Enqueued>,
    ) {
        self.ordered(&call).run_pipelined(Running::new(connection, call, first_phase));
    }

    /// The ordered lane. Calls that run concurrently in it are all of one method, so `is_detached` is the same for all.
    fn ordered(&mut self, call: &Call) -> &mut OrderedLane {
        let is_detached = call.method.is_some_and(|method| method.row().is_detached);
        self.ordered.get_or_insert_with(|| Box::new(OrderedLane::new(is_detached)))
    }

    /// Cancels everything but detached requests, which run to completion in the returned job.
    pub(super) fn stop(&mut self) -> Option<Job> {
        let Self { ordered, .. } = std::mem::take(self);
        let mut rest = ordered.filter(|ordered| ordered.is_detached())?;
        Some(Box::pin(async move {
            // The connection is gone, so outcomes are dropped; a panic was logged where it was caught.
            while poll_fn(|cx| rest.poll_next(cx)).await.is_some() {}
        }))
    }

    /// The next event of the futures. `None` registers the task for a wakeup of each of them.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Option<Event> {
        if let Some(admitting) = &mut self.admitting
            && let Poll::Ready(outcome) = admitting.as_mut().poll(cx)
        {
            self.admitting = None;
            return Some(Event::Admitted(outcome));
        }
        if let Some(ordered) = &mut self.ordered
            && let Poll::Ready(Some(finished)) = ordered.poll_next(cx)
        {
            if ordered.is_empty() {
                // An idle connection holds no queue memory.
                self.ordered = None;
            }
            return Some(Event::Finished(Lane::Ordered, finished));
        }
        if let Some(stream) = &mut self.stream
            && let Poll::Ready(finished) = stream.as_mut().poll_unpin(cx)
        {
            self.stream = None;
            return Some(Event::Finished(Lane::Stream, finished));
        }
        None
    }
}

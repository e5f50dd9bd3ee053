//! Running futures of a connection: the handshake, then the requests in both lanes.

use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::BoxFuture;
use less_sync_auth::TokenError;
use less_sync_auth::did_proof::{Challenge, DidProof};
use less_sync_core::rights::Scope;
use less_sync_core::{Close, ConnectionId, PeerNetwork, SpaceId};
use less_sync_engine::{Job, Rule};

use super::elsewhere::Elsewhere;
use super::event::{Admitted, Event};
use super::lane_work::LaneWork;
use crate::call::{Call, Place};
use crate::connection::Connection;
use crate::endpoint::Endpoint;
use crate::methods::{Enqueued, Forwarding, Progress};
use crate::session::AuthFrame;

/// Validates the token and registers the connection (protocol §1.4 steps 4 and 5). The rejections of an address are paced
/// (protocol §1.10).
pub(super) async fn admit(
    endpoint: Arc<Endpoint>,
    (id, address): (ConnectionId, Option<PeerNetwork>),
    frame: AuthFrame,
    challenge: Option<Challenge>,
) -> Result<Box<Admitted>, Close> {
    let outcome = validate(&endpoint, id, frame, challenge).await;
    if outcome.is_err()
        && let Some(due) = address.and_then(|of| endpoint.rejection_pace.count(of, endpoint.clock.instant()))
    {
        endpoint.clock.sleep_until(due).await;
    }
    outcome
}

async fn validate(
    endpoint: &Endpoint,
    id: ConnectionId,
    frame: AuthFrame,
    challenge: Option<Challenge>,
) -> Result<Box<Admitted>, Close> {
    // Without a challenge there is nothing that a proof could answer.
    let proof = challenge.as_ref().zip(frame.did_proof.as_deref());
    let proof = proof.map(|(challenge, signature)| DidProof { challenge, signature });
    let denied = |close: Close, rule| {
        endpoint.deny_handshake(id, close, rule);
        close
    };
    let authenticated = endpoint.authenticator.authenticate_with(&frame.token, proof).await;
    let caller = authenticated.map_err(|error| denied(rejection(error), Rule::Token(error)))?;
    if !caller.scopes.contains(Scope::Sync.as_str()) {
        return Err(denied(Close::auth_failed("sync scope required"), Rule::Scope(Scope::Sync)));
    }
    let permit = endpoint.registry.register(&caller);
    let permit = permit.map_err(|_rejected| denied(Close::TOO_MANY_CONNECTIONS, Rule::ConnectionLimit))?;
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
    /// Calls that are ordered among all others.
    own: LaneWork,
    /// Calls that are ordered among those for their space, on a link.
    by_space: Vec<(SpaceId, LaneWork)>,
    /// Calls that have left their lanes.
    elsewhere: Elsewhere,
}

impl Work {
    /// Starts a request. The session guarantees that its lane is free.
    pub(super) fn run(
        &mut self,
        connection: Arc<Connection>,
        call: Call,
        future: BoxFuture<'static, Progress>,
    ) {
        self.lanes(call.place()).run(connection, call, future);
    }

    /// Starts the rest of a request that has left its lane.
    pub(super) fn run_elsewhere(&mut self, forwarding: Forwarding) {
        self.elsewhere.run(forwarding);
    }

    /// Starts a pipelined request, which runs in the ordered lane.
    pub(super) fn run_pipelined(
        &mut self,
        connection: Arc<Connection>,
        call: Call,
        first_phase: BoxFuture<'static, Enqueued>,
    ) {
        self.lanes(call.place()).run_pipelined(connection, call, first_phase);
    }

    fn lanes(&mut self, place: Place) -> &mut LaneWork {
        let Some(space) = place.space else { return &mut self.own };
        let index = self.by_space.iter().position(|(of, _)| *of == space).unwrap_or_else(|| {
            self.by_space.push((space, LaneWork::default()));
            self.by_space.len() - 1
        });
        #[expect(clippy::indexing_slicing, reason = "the index is that of an entry")]
        &mut self.by_space[index].1
    }

    /// Cancels the running stream with the request id `id`.
    pub(super) fn cancel_stream(&mut self, id: &str) {
        self.own.cancel_stream(id);
        self.by_space.iter_mut().for_each(|(_, work)| work.cancel_stream(id));
    }

    /// Cancels everything but detached requests, which run to completion in the returned job.
    pub(super) fn stop(&mut self) -> Option<Job> {
        let Self { own, by_space, elsewhere, .. } = std::mem::take(self);
        let works = std::iter::once(own).chain(by_space.into_iter().map(|(_, work)| work));
        let jobs: Vec<Job> = works.filter_map(LaneWork::stop).chain(elsewhere.stop()).collect();
        if jobs.is_empty() {
            return None;
        }
        Some(Box::pin(async move {
            futures_util::future::join_all(jobs).await;
        }))
    }

    /// The next event of the futures. `None` registers the task for a wakeup of each of them. `may_cancel`: no message is half
    /// sent, so that a stream may be dropped.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, may_cancel: bool) -> Option<Event> {
        if let Some(admitting) = &mut self.admitting
            && let Poll::Ready(outcome) = admitting.as_mut().poll(cx)
        {
            self.admitting = None;
            return Some(Event::Admitted(outcome));
        }
        if let Some(event) = self.elsewhere.poll(cx) {
            return Some(event);
        }
        let event = self.own.poll(cx, None, may_cancel);
        if event.is_some() || self.by_space.is_empty() {
            return event;
        }
        let mut works = self.by_space.iter_mut();
        let event = works.find_map(|(space, work)| work.poll(cx, Some(*space), may_cancel));
        if event.is_some() {
            self.by_space.retain(|(_, work)| !work.is_empty());
            if self.by_space.is_empty() {
                // An idle connection holds no queue memory.
                self.by_space = Vec::new();
            }
        }
        event
    }
}

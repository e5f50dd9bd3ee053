//! Event loop between one session and its socket.
//!
//! One task per connection reads the socket, runs the session's calls, writes the frames of the outbox, and sleeps until
//! the session's deadline. The task waits for all of them at once, so that none blocks another; dropping the task cancels
//! the running calls.

mod event;
mod ordered_lane;
mod poll;
mod running;
mod timers;
mod work;

use std::future::poll_fn;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::FutureExt;
use less_sync_auth::did_proof::Challenge;
use less_sync_core::{Close, ConnectionId, frame, limits};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::call::Call;
use crate::connection::Connection;
use crate::context::Context as RequestContext;
use crate::endpoint::Endpoint;
use crate::methods::{self, Completed, Handler};
use crate::outbox::{Outbox, OutboxLimits};
use crate::registry::{AddressPermit, ConnectionPermit};
use crate::session::{Action, Session};
use crate::socket::{Gone, Socket};
use event::{Admitted, Event};
use timers::{Arrival, Timers};
use work::{Work, admit};

/// Messages that a notification counts for in a turn: its handler runs at once, and may send to every subscriber of a space.
const NOTIFICATION_TURNS: u32 = 8;

/// Driver of one connection, from the upgrade to its end.
pub(crate) struct Driver<S> {
    id: ConnectionId,
    endpoint: Arc<Endpoint>,
    session: Session,
    socket: Socket<S>,
    outbox: Arc<Outbox>,
    work: Work,
    /// Challenge in the response of the upgrade, if there was one.
    challenge: Option<Challenge>,
    connection: Option<Arc<Connection>>,
    /// Permit of the unauthenticated connection; released once it is authenticated.
    address: Option<AddressPermit>,
    /// Permit of the authenticated connection; released at its end.
    permit: Option<ConnectionPermit>,
    timers: Timers,
    /// Close that follows once every queued frame is written.
    finishing: Option<Close>,
    /// True once the shutdown was passed to the session.
    is_draining: bool,
    /// Messages handled since the task last let others have their turn.
    turn: u32,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Driver<S> {
    pub(crate) fn new(
        id: ConnectionId,
        endpoint: Arc<Endpoint>,
        io: S,
        address: AddressPermit,
        lifetime: Duration,
        challenge: Option<Challenge>,
    ) -> Self {
        let limits = endpoint.limits.clone();
        Self {
            id,
            session: Session::new(limits.clone(), endpoint.clock.instant(), lifetime),
            socket: Socket::new(io, limits::AUTH_FRAME),
            outbox: Outbox::new(OutboxLimits::from(limits.as_ref())),
            work: Work::default(),
            challenge,
            connection: None,
            address: Some(address),
            permit: None,
            timers: Timers::default(),
            finishing: None,
            is_draining: false,
            turn: 0,
            endpoint,
        }
    }

    /// Serves the connection until it ends.
    pub(crate) async fn run(mut self) {
        let started = self.endpoint.clock.instant();
        self.endpoint.opened(self.id, &self.outbox);
        while self.act() {
            let event = poll_fn(|cx| self.poll_event(cx)).await;
            self.handle(event);
        }
        // Running calls are cancelled before anything else is torn down (protocol §1.12).
        self.stop_work();
        self.leave();
        self.finish().await;
        let lifetime = self.endpoint.clock.instant().saturating_duration_since(started);
        tracing::debug!(lifetime_ms = lifetime.as_millis(), "connection ended");
    }

    fn now(&self) -> Instant {
        self.endpoint.clock.instant()
    }

    /// Executes the pending actions of the session; false at the end of the connection.
    fn act(&mut self) -> bool {
        while let Some(action) = self.session.next_action() {
            match action {
                Action::Authenticate(frame) => {
                    let address = self.address.as_ref().map(AddressPermit::address);
                    let admitting = admit(self.endpoint.clone(), address, frame, self.challenge);
                    self.work.admitting = Some(admitting.boxed());
                }
                Action::Run(call) => self.start(call),
                Action::Keepalive => {
                    if self.socket.may_send() {
                        self.socket.send(Bytes::from_static(frame::KEEPALIVE));
                        self.socket.ping();
                    }
                }
                Action::Finish(close) => self.finishing = Some(close),
                Action::Close(close) => self.close(close),
                Action::Drop => return false,
            }
        }
        true
    }

    fn start(&mut self, call: Call) {
        let Some(connection) = self.connection.clone() else { return };
        match call.method.map(methods::handler) {
            Some(Handler::Notification(run)) => {
                // The message itself is counted where it is read.
                self.turn = self.turn.saturating_add(NOTIFICATION_TURNS - 1);
                let outcome = std::panic::catch_unwind(AssertUnwindSafe(|| run(&connection, &call)));
                let (now, bytes) = (self.now(), call.message().len());
                match outcome {
                    Ok(()) => self.session.on_finished(now, call.lane(), bytes),
                    Err(_panic) => self.session.on_panic(now, call.lane(), bytes),
                }
            }
            Some(Handler::Request(run)) => {
                let context = RequestContext::new(connection.clone(), call.clone());
                self.work.run(connection, call, run(context));
            }
            Some(Handler::Pipelined(enqueue)) => {
                let context = RequestContext::new(connection.clone(), call.clone());
                self.work.run_pipelined(connection, call, enqueue(context));
            }
            Some(Handler::Handshake) | None => {
                let context = RequestContext::new(connection.clone(), call.clone());
                self.work.run(connection, call, methods::respond_unknown_method(context).boxed());
            }
        }
    }

    fn close(&mut self, close: Close) {
        tracing::debug!(close_code = close.code, close_reason = close.reason, "closing connection");
        self.endpoint.metrics.closed(close);
        self.stop_work();
        self.outbox.close(close);
        self.finishing = None;
        self.socket.close(close);
        // No event is sent after the close frame, so the subscriptions are not kept while the echo is awaited.
        self.leave();
    }

    /// Ends all subscriptions and releases the permit of an unauthenticated connection. An authenticated one counts until its
    /// socket is closed, so that peers that do not read their close cannot accumulate.
    fn leave(&mut self) {
        if let Some(connection) = self.connection.take() {
            connection.leave();
        }
        self.address = None;
    }

    fn handle(&mut self, event: Event) {
        let now = self.now();
        match event {
            Event::Incoming(incoming) => {
                self.endpoint.frame_metrics.received(&incoming);
                self.session.on_incoming(now, incoming);
                self.endpoint.metrics.ephemeral_superseded.inc_by(self.session.take_superseded());
            }
            Event::Gone => self.session.end(),
            Event::Admitted(Ok(admitted)) => self.admitted(now, *admitted),
            Event::Admitted(Err(close)) => self.session.on_rejected(now, close),
            Event::Finished(lane, Ok(Completed { token_valid_for, message_bytes })) => {
                if let Some(valid_for) = token_valid_for {
                    self.session.on_token(now, valid_for);
                }
                self.session.on_finished(now, lane, message_bytes);
            }
            Event::Finished(lane, Err(panicked)) => {
                let message_bytes = panicked.respond();
                self.session.on_panic(now, lane, message_bytes);
            }
            Event::CloseRequested(close) | Event::Flushed(close) => self.session.close(now, close),
            Event::Draining => self.session.on_shutdown(now),
            Event::Timer => self.on_timer(now),
        }
    }

    fn on_timer(&mut self, now: Instant) {
        if self.timers.is_stalled(now, self.endpoint.limits.write_timeout) {
            tracing::debug!("WebSocket write timed out");
            // No close frame: it could not be written either.
            return self.session.end();
        }
        if let Some(connection) = &self.connection {
            connection.end_expired(now);
        }
        self.check_receiving(now);
        self.session.on_timer(now);
    }

    /// Closes a connection whose large message arrives too slowly: it holds memory that others may wait for.
    fn check_receiving(&mut self, now: Instant) {
        if self.socket.is_waiting_for_memory() {
            return self.session.on_progress(now);
        }
        match self.timers.arrival(self.socket.progress(), now) {
            Arrival::None => {}
            // A peer that is sending a large message is not idle.
            Arrival::Progress => self.session.on_progress(now),
            Arrival::TooSlow => {
                tracing::debug!("message arrived too slowly");
                self.session.close(now, Close::IDLE);
            }
        }
    }

    fn admitted(&mut self, now: Instant, admitted: Admitted) {
        let Admitted { caller, permit } = admitted;
        let valid_for = caller.expires_at.since(self.endpoint.clock.now());
        let connection = Connection::new(self.id, self.endpoint.clone(), self.outbox.clone(), caller);
        self.connection = Some(Arc::new(connection));
        let memory = self.endpoint.inbound_memory.share(permit.actor());
        self.socket.set_limits(self.endpoint.limits.max_inbound_message, memory);
        self.permit = Some(permit);
        self.address = None;
        self.session.on_authenticated(now, valid_for);
    }

    /// Flushes the last frames, echoes the peer's close frame and shuts the stream down, within the close timeout.
    async fn finish(&mut self) {
        let limits = &self.endpoint.limits;
        let timeout = if self.permit.is_some() { limits.close_timeout } else { limits.short_close_timeout() };
        let until = self.now() + timeout;
        let mut timeout = pin!(self.endpoint.clock.sleep_until(until));
        poll_fn(|cx| {
            if timeout.as_mut().poll(cx).is_ready() {
                return Poll::Ready(());
            }
            self.socket.acknowledge_close();
            match self.socket.poll_write(cx) {
                Poll::Ready(Ok(())) => self.socket.poll_shutdown(cx),
                Poll::Ready(Err(Gone)) => Poll::Ready(()),
                Poll::Pending => Poll::Pending,
            }
        })
        .await;
    }
}

impl<S> Driver<S> {
    /// Stops the running calls, see [`Work::stop`].
    fn stop_work(&mut self) {
        if let Some(rest) = self.work.stop() {
            self.endpoint.spawner.spawn("detached calls of a closed connection", rest);
        }
    }
}

impl<S> Drop for Driver<S> {
    /// Cleans up after a task that panicked or was aborted, too.
    fn drop(&mut self) {
        self.stop_work();
        if let Some(connection) = self.connection.take() {
            connection.leave();
        }
        self.endpoint.closed(self.id);
    }
}

//! Event loop between one session and its socket.
//!
//! One task per connection reads the socket, runs the session's calls, writes the frames of the outbox, and sleeps until
//! the session's deadline. The task waits for all of them at once, so that none blocks another; dropping the task cancels
//! the running calls.

mod elsewhere;
mod event;
mod forwarded;
mod lane_work;
mod ordered_lane;
mod poll;
mod running;
mod timers;
mod work;

use std::any::Any;
use std::future::poll_fn;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::{Arc, Weak};
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::FutureExt;
use less_sync_auth::did_proof::Challenge;
use less_sync_core::{Close, ConnectionId, frame, limits};
use less_sync_engine::Job;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::call::Call;
use crate::connection::Connection;
use crate::context::Context as RequestContext;
use crate::endpoint::Endpoint;
use crate::identity::Identity;
use crate::limits::Limits;
use crate::methods::{self, Completed, Effect, Handler, Progress};
use crate::open_connection::{Authenticated, OpenConnection, TrafficTotals};
use crate::outbox::{Outbox, OutboxLimits};
use crate::registry::{AddressPermit, ConnectionPermit};
use crate::server_link::{LinkParts, ServerLink};
use crate::session::{Action, Session};
use crate::slow_consumers::SlowConsumer;
use crate::socket::Socket;
use event::{Admitted, Event};
use timers::{Arrival, Timers};
use work::{Work, admit};

/// Messages that a notification counts for in a turn, besides its receivers: its handler runs at once.
const NOTIFICATION_TURNS: u32 = 8;

/// Receivers of a notification that count for one message in a turn.
const RECEIVERS_PER_TURN: usize = 64;

/// Driver of one connection, from the upgrade to its end.
pub(crate) struct Driver<S> {
    id: ConnectionId,
    endpoint: Arc<Endpoint>,
    session: Session,
    socket: Socket<S>,
    outbox: Arc<Outbox>,
    /// The connection as the endpoint lists it.
    open: Arc<OpenConnection>,
    work: Work,
    /// Challenge in the response of the upgrade, if there was one.
    challenge: Option<Challenge>,
    connection: Option<Arc<Connection>>,
    /// Permit of the unauthenticated connection; released once it is authenticated.
    address: Option<AddressPermit>,
    /// Permit of the authenticated connection of a client; released at its end.
    permit: Option<ConnectionPermit>,
    /// Value that is dropped at the end of a link.
    guard: Option<Box<dyn Any + Send>>,
    timers: Timers,
    /// Close that follows once every queued frame is written.
    finishing: Option<Close>,
    /// True once the shutdown was passed to the session.
    is_draining: bool,
    /// End of a pause in reading, because the actor has exceeded the pace of large messages.
    pause: Option<Job>,
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
        let session = Session::new(limits.clone(), endpoint.clock.instant(), lifetime);
        let mut driver = Self::with(id, endpoint, io, session, &limits);
        (driver.challenge, driver.address) = (challenge, Some(address));
        driver
    }

    /// Driver of a link of another server, which the upgrade has authenticated.
    pub(crate) fn of_server(id: ConnectionId, endpoint: Arc<Endpoint>, io: S, parts: LinkParts) -> Self {
        let LinkParts { peer, limits: link_limits, close, guard } = parts;
        let limits = Arc::new(link_limits.within(&endpoint.limits));
        let lifetime = endpoint.random.jittered(link_limits.lifetime, link_limits.lifetime_jitter);
        let session = Session::of_server(limits.clone(), endpoint.clock.instant(), lifetime);
        let mut driver = Self::with(id, endpoint, io, session, &limits);
        let actor = driver.endpoint.registry.peer_key(peer.server().name());
        let memory = driver.endpoint.inbound_memory.share(actor);
        driver.socket.set_limits(limits.max_inbound_message, memory);
        peer.opened(&driver.outbox);
        let link = Arc::new(ServerLink::new(peer, driver.outbox.clone(), link_limits, driver.now()));
        driver.session.on_idle_timeout(link.idle_timeout());
        driver.connect(Identity::Server(link), actor);
        if let Some(close) = close {
            driver.outbox.close(close);
        }
        driver.guard = Some(guard);
        driver
    }

    fn with(id: ConnectionId, endpoint: Arc<Endpoint>, io: S, session: Session, limits: &Limits) -> Self {
        let outbox = Outbox::new(OutboxLimits::from(limits));
        Self {
            id,
            open: OpenConnection::new(id, outbox.clone(), endpoint.clock.now()),
            session,
            socket: Socket::new(io, limits::AUTH_FRAME),
            outbox,
            work: Work::default(),
            challenge: None,
            connection: None,
            address: None,
            permit: None,
            guard: None,
            timers: Timers::default(),
            finishing: None,
            is_draining: false,
            pause: None,
            turn: 0,
            endpoint,
        }
    }

    /// Serves the connection until it ends.
    pub(crate) async fn run(mut self) {
        let started = self.endpoint.clock.instant();
        self.endpoint.opened(&self.open);
        while self.act() {
            let event = poll_fn(|cx| self.poll_event(cx)).await;
            self.handle(event);
        }
        // Running calls are cancelled before anything else is torn down (protocol §1.12).
        self.stop_work();
        self.leave();
        self.finish().await;
        let lifetime = self.endpoint.clock.instant().saturating_duration_since(started);
        let TrafficTotals { messages_in: frames_in, messages_out: frames_out, .. } =
            self.open.traffic.totals();
        // In the span, too: traces have no lines.
        let span = tracing::Span::current();
        span.record("frames_in", frames_in).record("frames_out", frames_out);
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
                    let from = (self.id, address);
                    let admitting = admit(self.endpoint.clone(), from, frame, self.challenge);
                    self.work.admitting = Some(admitting.boxed());
                }
                Action::Run(call) => self.start(call),
                Action::Cancel(id) => self.work.cancel_stream(&id),
                Action::Keepalive => {
                    if self.socket.may_send() {
                        self.socket.send_between(Bytes::from_static(frame::KEEPALIVE));
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
        let context = RequestContext::new(connection.clone(), call.clone());
        let Some(context) = self.admit_forwarded(&connection, &call, context) else { return };
        match call.method.map(methods::handler) {
            Some(Handler::Notification(run)) => {
                // The message itself is counted where it is read.
                self.turn = self.turn.saturating_add(NOTIFICATION_TURNS - 1);
                let outcome = std::panic::catch_unwind(AssertUnwindSafe(|| run(&connection, &call)));
                let (now, bytes) = (self.now(), call.message().len());
                match outcome {
                    Ok(receivers) => {
                        let turns = u32::try_from(receivers / RECEIVERS_PER_TURN).unwrap_or(u32::MAX);
                        self.turn = self.turn.saturating_add(turns);
                        self.session.on_fan_out(now, receivers);
                        self.session.on_finished(now, call.place(), bytes);
                    }
                    Err(_panic) => self.session.on_panic(now, call.place(), bytes),
                }
            }
            Some(Handler::Request(run)) => {
                self.work.run(connection, call, run(context));
            }
            Some(Handler::Pipelined(enqueue)) => {
                self.work.run_pipelined(connection, call, enqueue(context));
            }
            Some(Handler::Session) | None => {
                let response = methods::respond_unknown_method(context).map(Progress::Completed);
                self.work.run(connection, call, response.boxed());
            }
        }
    }

    fn close(&mut self, close: Close) {
        tracing::debug!(close_code = close.code, close_reason = close.reason, "closing connection");
        self.endpoint.metrics.closed(close);
        if close == Close::SLOW_CONSUMER {
            self.note_slow_consumer();
        }
        self.stop_work();
        self.outbox.close(close);
        self.finishing = None;
        self.socket.close(close);
        // No event is sent after the close frame, so the subscriptions are not kept while the echo is awaited.
        self.leave();
    }

    fn note_slow_consumer(&self) {
        self.endpoint.slow_consumers.add(SlowConsumer {
            at: self.endpoint.clock.now(),
            connection: self.id,
            actor: self.connection.as_ref().map(|connection| connection.actor),
            opened: self.open.opened,
            subscriptions: self.connection.as_ref().map_or(0, |connection| connection.subscription_count()),
            traffic: self.open.traffic.totals(),
        });
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
                if !self.is_link() {
                    self.endpoint.frame_metrics.received(&incoming);
                }
                self.open.traffic.received(&incoming);
                self.session.on_incoming(now, incoming);
                self.endpoint.metrics.ephemeral_superseded.inc_by(self.session.take_superseded());
            }
            Event::Gone => self.session.end(),
            Event::Admitted(Ok(admitted)) => self.admitted(now, *admitted),
            Event::Admitted(Err(close)) => self.session.on_rejected(now, close),
            Event::Finished(place, Ok(Completed { effect, message_bytes })) => {
                self.apply(now, effect);
                self.session.on_finished(now, place, message_bytes);
            }
            Event::Finished(place, Err(panicked)) => {
                let message_bytes = panicked.respond();
                self.session.on_panic(now, place, message_bytes);
            }
            Event::Forwarded(place, forwarding) => {
                self.work.run_elsewhere(forwarding);
                self.session.on_forwarded(place);
            }
            Event::Cancelled(place, message_bytes) => self.session.on_finished(now, place, message_bytes),
            Event::CloseRequested(close) | Event::Flushed(close) => self.session.close(now, close),
            Event::FinishRequested(close) => self.session.finish(now, close),
            Event::Draining => self.session.on_shutdown(now),
            Event::Timer => self.on_timer(now),
        }
    }

    fn apply(&mut self, now: Instant, effect: Effect) {
        match effect {
            Effect::None => {}
            Effect::TokenValidFor(valid_for) => self.session.on_token(now, valid_for),
            Effect::IdleTimeout(timeout) => self.session.on_idle_timeout(timeout),
            Effect::Close(close) => self.session.finish(now, close),
        }
    }

    /// Timeout for the write of one message. An original server does not read between its calls, and may take hours for one
    /// (federation §20.3).
    fn write_timeout(&self) -> Duration {
        const OF_ORIGINAL_SERVERS: Duration = Duration::from_hours(24);
        let link = self.connection.as_ref().and_then(|connection| connection.server());
        let is_original = link.is_some_and(|link| !link.is_native());
        if is_original { OF_ORIGINAL_SERVERS } else { self.endpoint.limits.write_timeout }
    }

    /// True for a link of another server.
    fn is_link(&self) -> bool {
        self.guard.is_some()
    }

    fn on_timer(&mut self, now: Instant) {
        if self.timers.is_stalled(now, self.write_timeout()) {
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
        let actor = permit.actor();
        self.connect(Identity::user(caller), actor);
        let memory = self.endpoint.inbound_memory.share(actor);
        self.socket.set_limits(self.endpoint.limits.max_inbound_message, memory);
        self.permit = Some(permit);
        self.address = None;
        self.session.on_authenticated(now, valid_for);
    }

    fn connect(&mut self, identity: Identity, actor: u64) {
        let connection =
            Connection::new(self.id, self.endpoint.clone(), self.outbox.clone(), identity, actor);
        let connection = Arc::new(connection);
        self.open.authenticated(Arc::downgrade(&connection) as Weak<dyn Authenticated>);
        self.connection = Some(connection);
    }

    /// Flushes the last frames, echoes the peer's close frame and shuts the stream down, within the close timeout.
    async fn finish(&mut self) {
        let limits = &self.endpoint.limits;
        let is_authenticated = self.permit.is_some() || self.is_link();
        let timeout = if is_authenticated { limits.close_timeout } else { limits.short_close_timeout() };
        let until = self.now() + timeout;
        let mut timeout = pin!(self.endpoint.clock.sleep_until(until));
        poll_fn(|cx| {
            if timeout.as_mut().poll(cx).is_ready() {
                return Poll::Ready(());
            }
            self.socket.poll_finish(cx)
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

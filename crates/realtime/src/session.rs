//! One connection as a pure machine: what arrives and what time it is go in, actions come out.
//!
//! No socket, no runtime and no clock inside. The driver feeds it ([`Session::on_incoming`], [`Session::on_timer`],
//! [`Session::on_finished`] …), carries out [`Session::next_action`] until there is none, reads the socket only
//! while [`Session::wants_read`], and comes back no later than [`Session::deadline`]. States and transitions are
//! those of protocol §6.1.

mod handshake;
mod lanes;
mod liveness;
mod rate;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use less_sync_core::frame::{self, Inbound, Unreadable};
use less_sync_core::wire::method::{Lane, Method};
use less_sync_core::{Close, close_code};

use crate::call::Call;
use crate::limits::Limits;
use handshake::read_auth_frame;
use lanes::Lanes;
use liveness::{Liveness, Overdue};
use rate::{AbuseMeter, TokenBucket};

/// What the socket brought.
#[derive(Clone, Debug)]
pub(crate) enum Incoming {
    /// A binary message.
    Binary(Bytes),
    /// A text message; its content does not matter, not even whether it is UTF-8.
    Text,
    /// A Ping or Pong: a sign of life.
    Control,
    /// The peer's close frame, or the end of the stream.
    Closed,
    /// A message over the limit.
    TooBig,
    /// A breach of RFC 6455.
    Violation,
}

/// What the driver has to do next.
#[derive(Clone, Debug)]
pub(crate) enum Action {
    /// Validate this access token, register the connection, and report with [`Session::on_authenticated`] or
    /// [`Session::on_rejected`].
    Authenticate(String),
    /// Run the call and report with [`Session::on_finished`].
    Run(Call),
    /// Send the keepalive byte and a Ping.
    Keepalive,
    /// Write what is queued, then close.
    Finish(Close),
    /// Discard what is queued and close.
    Close(Close),
    /// Let go of the socket.
    Drop,
}

#[derive(Debug)]
enum Phase {
    AwaitAuth { until: Instant },
    Validating { until: Instant },
    Active,
    Draining { close: Close, until: Instant, finishing: bool },
    Closing { until: Instant },
    Ended,
}

/// The state of one connection.
#[derive(Debug)]
pub(crate) struct Session {
    limits: Arc<Limits>,
    phase: Phase,
    lanes: Lanes,
    actions: VecDeque<Action>,
    liveness: Liveness,
    /// End of the lifetime.
    ends_at: Instant,
    /// End of the token, leeway included.
    token_ends_at: Instant,
    inbound: TokenBucket,
    inbound_abuse: AbuseMeter,
    ephemeral: TokenBucket,
    ephemeral_abuse: AbuseMeter,
    /// Reading rests until then: the peer sends faster than its rate.
    rest_until: Option<Instant>,
}

impl Session {
    /// A connection that was upgraded at `now` and will live for `lifetime` (jitter applied by the caller).
    pub(crate) fn new(limits: Arc<Limits>, now: Instant, lifetime: Duration) -> Self {
        Self {
            phase: Phase::AwaitAuth { until: now + limits.auth_timeout },
            lanes: Lanes::default(),
            actions: VecDeque::new(),
            liveness: Liveness::new(&limits, now),
            ends_at: now + lifetime,
            token_ends_at: now + lifetime,
            inbound: TokenBucket::new(limits.inbound_rate, limits.inbound_burst, now),
            inbound_abuse: AbuseMeter::new(limits.inbound_rate, now),
            ephemeral: TokenBucket::new(limits.ephemeral_rate, limits.ephemeral_burst, now),
            ephemeral_abuse: AbuseMeter::new(limits.ephemeral_rate, now),
            rest_until: None,
            limits,
        }
    }

    /// The next thing to do; ask again until there is none.
    pub(crate) fn next_action(&mut self) -> Option<Action> {
        let action = self.actions.pop_front();
        if action.is_none() {
            self.actions = VecDeque::new();
        }
        action
    }

    /// Whether the socket may be read. While not, bytes of the client stay in the socket (backpressure).
    pub(crate) fn wants_read(&self) -> bool {
        match self.phase {
            Phase::AwaitAuth { .. } | Phase::Closing { .. } => true,
            Phase::Active => self.rest_until.is_none() && self.lanes.backlog() < self.limits.backlog,
            Phase::Validating { .. } | Phase::Draining { .. } | Phase::Ended => false,
        }
    }

    /// When to call [`Session::on_timer`], if nothing happens before.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match &self.phase {
            Phase::AwaitAuth { until }
            | Phase::Validating { until }
            | Phase::Draining { until, .. }
            | Phase::Closing { until } => Some(*until),
            Phase::Active => {
                let ends = self.ends_at.min(self.token_ends_at).min(self.liveness.deadline());
                Some(self.rest_until.map_or(ends, |rest| ends.min(rest)))
            }
            Phase::Ended => None,
        }
    }

    /// A message arrived.
    pub(crate) fn on_incoming(&mut self, now: Instant, incoming: Incoming) {
        self.liveness.heard(now);
        match self.phase {
            Phase::AwaitAuth { .. } => self.on_first(now, incoming),
            Phase::Active => self.on_frame(now, incoming),
            Phase::Closing { .. } | Phase::Validating { .. } | Phase::Draining { .. } | Phase::Ended => {
                if matches!(incoming, Incoming::Closed) {
                    self.end();
                }
            }
        }
    }

    /// The token is valid, for `token_valid_for` from now on (without leeway), and the connection is registered.
    pub(crate) fn on_authenticated(&mut self, now: Instant, token_valid_for: Duration) {
        if matches!(self.phase, Phase::Validating { .. }) {
            self.phase = Phase::Active;
            self.liveness.begin(now);
            self.on_token(now, token_valid_for);
        }
    }

    /// The handshake failed.
    pub(crate) fn on_rejected(&mut self, now: Instant, close: Close) {
        self.close(now, close);
    }

    /// A refreshed token is valid for this long (without leeway): the deadline moves.
    pub(crate) fn on_token(&mut self, now: Instant, valid_for: Duration) {
        self.token_ends_at = now + valid_for + self.limits.token_leeway;
    }

    /// A call of this lane has finished and queued its answers.
    pub(crate) fn on_finished(&mut self, now: Instant, lane: Lane) {
        let was_reading = self.wants_read();
        self.lanes.finished(lane);
        self.proceed();
        if !was_reading {
            // Silence that we caused ourselves is not held against the peer.
            self.liveness.heard(now);
        }
    }

    /// The server stops: start nothing new, let running calls finish. The close comes from outside, when it is this
    /// connection's turn (protocol §1.12).
    pub(crate) fn on_shutdown(&mut self, now: Instant) {
        match self.phase {
            Phase::Active => {
                self.lanes.abandon();
                let until = now + self.limits.shutdown_drain + self.limits.shutdown_spread;
                self.phase = Phase::Draining { close: Close::SHUTDOWN, until, finishing: true };
            }
            Phase::AwaitAuth { .. } | Phase::Validating { .. } => self.close(now, Close::SHUTDOWN),
            Phase::Draining { .. } | Phase::Closing { .. } | Phase::Ended => {}
        }
    }

    /// A handler panicked: say what can still be said, and close.
    pub(crate) fn on_panic(&mut self, now: Instant, lane: Lane) {
        self.lanes.finished(lane);
        self.lanes.abandon();
        if matches!(self.phase, Phase::Active | Phase::Draining { .. }) {
            let until = now + self.limits.close_timeout;
            self.phase = Phase::Draining { close: Close::INTERNAL, until, finishing: true };
            self.actions.push_back(Action::Finish(Close::INTERNAL));
        }
    }

    /// Closes for a reason from outside: a full queue, the end of a shutdown.
    pub(crate) fn close(&mut self, now: Instant, close: Close) {
        if matches!(self.phase, Phase::Closing { .. } | Phase::Ended) {
            return;
        }
        self.lanes.abandon();
        self.phase = Phase::Closing { until: now + self.limits.close_timeout };
        self.actions.clear();
        self.actions.push_back(Action::Close(close));
    }

    /// The socket is gone.
    pub(crate) fn end(&mut self) {
        if !matches!(self.phase, Phase::Ended) {
            self.lanes.abandon();
            self.phase = Phase::Ended;
            self.actions.clear();
            self.actions.push_back(Action::Drop);
        }
    }

    /// Time has passed.
    pub(crate) fn on_timer(&mut self, now: Instant) {
        match &self.phase {
            Phase::AwaitAuth { until } if now >= *until => {
                self.close(now, Close::auth_failed("auth timeout"));
            }
            Phase::Validating { until } if now >= *until => self.close(now, Close::AUTH_UNAVAILABLE),
            Phase::Draining { until, close, .. } if now >= *until => {
                let close = *close;
                self.close(now, close);
            }
            Phase::Closing { until } if now >= *until => self.end(),
            Phase::Active => self.on_active_timer(now),
            Phase::AwaitAuth { .. }
            | Phase::Validating { .. }
            | Phase::Draining { .. }
            | Phase::Closing { .. }
            | Phase::Ended => {}
        }
    }

    fn on_active_timer(&mut self, now: Instant) {
        if self.rest_until.is_some_and(|rest| now >= rest) {
            self.rest_until = None;
            self.liveness.heard(now);
        }
        if now >= self.ends_at {
            let close =
                if self.limits.legacy_expiry_close { Close::LEGACY_LIFETIME } else { Close::LIFETIME };
            return self.drain(close, now + self.limits.lifetime_grace);
        }
        if now >= self.token_ends_at {
            return self.drain(Close::TOKEN_EXPIRED, now + self.limits.expiry_grace);
        }
        if !self.wants_read() {
            self.liveness.heard(now);
        }
        match self.liveness.overdue(now) {
            Some(Overdue::Keepalive) => self.actions.push_back(Action::Keepalive),
            Some(Overdue::Peer) => self.close(now, Close::IDLE),
            None => {}
        }
    }

    fn on_first(&mut self, now: Instant, incoming: Incoming) {
        match read_auth_frame(incoming) {
            Ok(Some(token)) => {
                self.phase = Phase::Validating { until: now + self.limits.auth_validation_timeout };
                self.actions.push_back(Action::Authenticate(token));
            }
            Ok(None) => {}
            Err(close) => self.close(now, close),
        }
    }

    fn on_frame(&mut self, now: Instant, incoming: Incoming) {
        match incoming {
            Incoming::Binary(message) => {
                self.meter(now);
                self.on_message(now, &message);
            }
            Incoming::Control => self.meter(now),
            Incoming::Text => self.close(now, Close::TEXT_FRAME),
            Incoming::TooBig => self.close(now, Close::TOO_BIG),
            Incoming::Violation => {
                self.close(now, Close::new(close_code::WEBSOCKET_PROTOCOL, "protocol error"));
            }
            Incoming::Closed => self.end(),
        }
    }

    /// Counts an inbound message against the rate of the connection.
    fn meter(&mut self, now: Instant) {
        self.rest_until = self.inbound.take(now);
        if self.inbound_abuse.count(now) {
            self.close(now, Close::RATE_LIMITED);
        }
    }

    fn on_message(&mut self, now: Instant, message: &Bytes) {
        match frame::parse(message) {
            Ok(Inbound::Request { id, method, params }) => {
                let known = Method::request(method);
                self.lanes.accept(Call::within(message, id, method, params.raw(), known));
                self.proceed();
            }
            Ok(Inbound::Notification { method, params }) => {
                let Some(known) = Method::notification(method) else { return };
                if known.row().is_ephemeral && !self.admit_ephemeral(now) {
                    return;
                }
                self.lanes.accept(Call::within(message, "", method, params.raw(), Some(known)));
                self.proceed();
            }
            Ok(Inbound::Keepalive | Inbound::Ignored) => {}
            Err(Unreadable::Empty) => self.close(now, Close::EMPTY_FRAME),
            Err(Unreadable::Malformed) => self.close(now, Close::INVALID_CBOR),
            Err(Unreadable::IdTooLong) => self.close(now, Close::REQUEST_ID_TOO_LONG),
        }
    }

    /// Whether a presence or event frame fits the rate; those that do not are ignored (protocol §1.10).
    fn admit_ephemeral(&mut self, now: Instant) -> bool {
        if self.ephemeral_abuse.count(now) {
            self.close(now, Close::RATE_LIMITED);
            return false;
        }
        self.ephemeral.try_take(now)
    }

    /// Starts whatever may start now; finishes a drain that has nothing left to wait for.
    fn proceed(&mut self) {
        match &mut self.phase {
            Phase::Active => {
                while let Some(call) = self.lanes.start() {
                    self.actions.push_back(Action::Run(call));
                }
            }
            Phase::Draining { close, finishing, .. } => {
                if !self.lanes.running() && !*finishing {
                    *finishing = true;
                    self.actions.push_back(Action::Finish(*close));
                }
            }
            Phase::AwaitAuth { .. } | Phase::Validating { .. } | Phase::Closing { .. } | Phase::Ended => {}
        }
    }

    fn drain(&mut self, close: Close, until: Instant) {
        self.lanes.abandon();
        self.phase = Phase::Draining { close, until, finishing: false };
        self.proceed();
    }
}

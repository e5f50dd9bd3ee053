//! Sans-I/O state machine of one connection: input and time go in, actions come out.
//!
//! The session has no socket, no runtime and no clock. The driver passes input ([`Session::on_incoming`],
//! [`Session::on_timer`], [`Session::on_finished`] …), executes [`Session::next_action`] until it returns `None`, reads
//! the socket only while [`Session::can_read`], and calls [`Session::on_timer`] no later than [`Session::deadline`].
//! States and transitions are those of protocol §6.1.

mod deferred;
mod ephemeral;
mod handshake;
mod inbound;
mod incoming;
mod lanes;
mod liveness;
mod phase;
mod rate;
mod schedule;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use less_sync_core::Close;

use crate::call::{Call, Place};
use crate::inbound_memory::FREE_BYTES;
use crate::limits::Limits;
use ephemeral::Ephemeral;
pub(crate) use handshake::AuthFrame;
pub(crate) use incoming::Incoming;
use liveness::{Liveness, Overdue};
use phase::Phase;
use rate::{AbuseMeter, TokenBucket};
use schedule::Schedule;

/// Action for the driver.
#[derive(Clone, Debug)]
pub(crate) enum Action {
    /// Validate the access token of this frame, register the connection, and report with [`Session::on_authenticated`] or
    /// [`Session::on_rejected`].
    Authenticate(AuthFrame),
    /// Run the call and report with [`Session::on_finished`].
    Run(Call),
    /// Stop the running stream with this request id without a response, and report with [`Session::on_finished`].
    Cancel(Box<str>),
    /// Send the keepalive byte and a Ping.
    Keepalive,
    /// Flush the outbound queues, then close.
    Finish(Close),
    /// Discard the outbound queues and close.
    Close(Close),
    /// Release the socket.
    Drop,
}

/// Other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OtherEnd {
    Client,
    Server,
}

/// State machine of one connection.
#[derive(Debug)]
pub(crate) struct Session {
    other_end: OtherEnd,
    limits: Arc<Limits>,
    phase: Phase,
    lanes: Schedule,
    actions: VecDeque<Action>,
    liveness: Liveness,
    /// End of the connection's lifetime.
    ends_at: Instant,
    /// Expiry of the access token, leeway included.
    token_ends_at: Instant,
    inbound: TokenBucket,
    inbound_abuse: AbuseMeter,
    ephemeral: Ephemeral,
    /// Reading is paused until then because the peer exceeded its rate (backpressure, no rejection).
    paused_until: Option<Instant>,
}

impl Session {
    /// A connection that was upgraded at `now` and ends after `lifetime`, to which the caller has applied jitter.
    pub(crate) fn new(limits: Arc<Limits>, now: Instant, lifetime: Duration) -> Self {
        Self {
            other_end: OtherEnd::Client,
            phase: Phase::AwaitAuth { until: now + limits.auth_timeout },
            lanes: Schedule::default(),
            actions: VecDeque::new(),
            liveness: Liveness::new(&limits, now),
            ends_at: now + lifetime,
            token_ends_at: now + lifetime,
            inbound: TokenBucket::new(limits.inbound_rate, limits.inbound_burst, now),
            inbound_abuse: AbuseMeter::new(limits.inbound_rate, now),
            ephemeral: Ephemeral::new(&limits, now),
            paused_until: None,
            limits,
        }
    }

    /// A link of another server, which the upgrade has authenticated, and which ends after `lifetime` (federation §8).
    pub(crate) fn of_server(limits: Arc<Limits>, now: Instant, lifetime: Duration) -> Self {
        Self { other_end: OtherEnd::Server, phase: Phase::Active, ..Self::new(limits, now, lifetime) }
    }

    /// The next action for the driver, to be called until it returns `None`.
    pub(crate) fn next_action(&mut self) -> Option<Action> {
        let action = self.actions.pop_front();
        if action.is_none() {
            // An idle connection holds no queue memory. There may be many thousands of them.
            self.actions = VecDeque::new();
        }
        action
    }

    /// True while the socket may be read. Otherwise the client's bytes stay in the socket (backpressure).
    pub(crate) fn can_read(&self) -> bool {
        match self.phase {
            Phase::AwaitAuth { .. } | Phase::Closing { .. } => true,
            // With one message below the bound in bytes, the backlog holds at most that and one message of maximum size.
            Phase::Active => {
                self.paused_until.is_none()
                    && self.lanes.backlog() < self.limits.backlog
                    && self.lanes.bytes() <= self.limits.backlog_bytes
            }
            Phase::Validating { .. } | Phase::Draining { .. } | Phase::Ended => false,
        }
    }

    /// Maximum size of the next message that needs no reserved memory, in bytes.
    pub(crate) fn free_bytes(&self) -> usize {
        FREE_BYTES.saturating_sub(self.lanes.bytes())
    }

    /// Latest time for the next call of [`Session::on_timer`].
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match &self.phase {
            Phase::AwaitAuth { until }
            | Phase::Validating { until }
            | Phase::Draining { until, .. }
            | Phase::Closing { until } => Some(*until),
            Phase::Active => {
                let ends = self.ends_at.min(self.token_ends_at).min(self.liveness.deadline());
                [Some(ends), self.paused_until, self.ephemeral.deadline()].into_iter().flatten().min()
            }
            Phase::Ended => None,
        }
    }

    /// Processes input from the socket.
    pub(crate) fn on_incoming(&mut self, now: Instant, incoming: Incoming) {
        // Any input is a sign of life, also input that is rejected or ignored below.
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

    /// Records a sign of life that is no complete message: bytes of one, or a pause that the server imposed.
    pub(crate) fn on_progress(&mut self, now: Instant) {
        self.liveness.heard(now);
    }

    /// Activates the connection: its token is valid for `token_valid_for` from now on, without leeway, and it is registered.
    pub(crate) fn on_authenticated(&mut self, now: Instant, token_valid_for: Duration) {
        // The connection may have been closed, by a timeout or a shutdown, while the token was validated.
        if matches!(self.phase, Phase::Validating { .. }) {
            self.phase = Phase::Active;
            self.liveness.begin(now);
            self.on_token(now, token_valid_for);
        }
    }

    /// Closes after a failed handshake.
    pub(crate) fn on_rejected(&mut self, now: Instant, close: Close) {
        self.close(now, close);
    }

    /// Moves the expiry: the current token is valid for `valid_for` from now on, without leeway.
    pub(crate) fn on_token(&mut self, now: Instant, valid_for: Duration) {
        self.token_ends_at = now + valid_for + self.limits.token_leeway;
    }

    /// Replaces the idle timeout.
    pub(crate) fn on_idle_timeout(&mut self, timeout: Duration) {
        self.liveness.set_idle(timeout);
    }

    /// Closes once the queued frames are written, or after a second, and starts no call until then.
    pub(crate) fn finish(&mut self, now: Instant, close: Close) {
        if matches!(self.phase, Phase::Active) {
            self.drain(close, now + self.limits.short_close_timeout());
        }
    }

    /// Charges the rate of ephemeral frames for one with many `receivers` (protocol §1.10).
    pub(crate) fn on_fan_out(&mut self, now: Instant, receivers: usize) {
        self.ephemeral.charge(now, receivers);
    }

    /// Number of ephemeral frames beyond the rate that newer ones have replaced since the last call.
    pub(crate) fn take_superseded(&mut self) -> u64 {
        self.ephemeral.take_superseded()
    }

    /// Takes a running call of `place` out of its lane, because another server has to respond, and starts calls that waited for it.
    pub(crate) fn on_forwarded(&mut self, place: Place) {
        self.lanes.leave(place);
        self.proceed();
    }

    /// Removes a finished call of `place`, whose response is queued and whose message had `bytes`, and starts calls that
    /// waited for it.
    pub(crate) fn on_finished(&mut self, now: Instant, place: Place, bytes: usize) {
        let was_reading = self.can_read();
        self.lanes.finished(place, bytes);
        self.proceed();
        if !was_reading {
            // Reading was paused by the full backlog: the peer's silence until now is not idleness.
            self.liveness.heard(now);
        }
    }

    /// Drains for a shutdown: no call starts any more, running calls finish. The endpoint requests the close later, spread
    /// over all connections (protocol §1.12).
    pub(crate) fn on_shutdown(&mut self, now: Instant) {
        match self.phase {
            Phase::Active => {
                self.lanes.abandon();
                // `is_finishing` is set at once because the close is not this session's decision. The deadline is only a
                // safety net for a close that never comes.
                let until = now + self.limits.shutdown_drain + self.limits.shutdown_spread;
                self.phase = Phase::Draining { close: Close::SHUTDOWN, until, is_finishing: true };
            }
            Phase::AwaitAuth { .. } | Phase::Validating { .. } => self.close(now, Close::SHUTDOWN),
            Phase::Draining { .. } | Phase::Closing { .. } | Phase::Ended => {}
        }
    }

    /// Closes after a panic in a handler, whose message had `bytes`, once the queued frames are flushed.
    pub(crate) fn on_panic(&mut self, now: Instant, place: Place, bytes: usize) {
        self.lanes.finished(place, bytes);
        // State shared with other calls may be inconsistent after a panic: none of them is started.
        self.lanes.abandon();
        if matches!(self.phase, Phase::Active | Phase::Draining { .. }) {
            let until = now + self.limits.close_timeout;
            self.phase = Phase::Draining { close: Close::INTERNAL, until, is_finishing: true };
            self.actions.push_back(Action::Finish(Close::INTERNAL));
        }
    }

    /// Closes at once: unstarted calls and pending actions are dropped. Does nothing on a closing connection.
    pub(crate) fn close(&mut self, now: Instant, close: Close) {
        if matches!(self.phase, Phase::Closing { .. } | Phase::Ended) {
            return;
        }
        self.lanes.abandon();
        let is_authenticated = !matches!(self.phase, Phase::AwaitAuth { .. } | Phase::Validating { .. });
        let timeout =
            if is_authenticated { self.limits.close_timeout } else { self.limits.short_close_timeout() };
        self.phase = Phase::Closing { until: now + timeout };
        self.actions.clear();
        self.actions.push_back(Action::Close(close));
    }

    /// Ends the session after the loss of the socket.
    pub(crate) fn end(&mut self) {
        if !matches!(self.phase, Phase::Ended) {
            self.lanes.abandon();
            self.phase = Phase::Ended;
            self.actions.clear();
            self.actions.push_back(Action::Drop);
        }
    }

    /// Processes expired timers.
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
        self.run_deferred(now);
        if self.paused_until.is_some_and(|until| now >= until) {
            self.paused_until = None;
            // The server paused reading, so the silence does not count.
            self.liveness.heard(now);
        }
        // Both expiries drain instead of close: running calls get a grace period to respond (protocol §1.11).
        if now >= self.ends_at {
            let close =
                if self.limits.legacy_expiry_close { Close::LEGACY_LIFETIME } else { Close::LIFETIME };
            return self.drain(close, now + self.limits.lifetime_grace);
        }
        if now >= self.token_ends_at {
            return self.drain(Close::TOKEN_EXPIRED, now + self.limits.expiry_grace);
        }
        // Before the idle check below: while reading is paused, no message of the peer is received.
        if !self.can_read() {
            self.liveness.heard(now);
        }
        match self.liveness.overdue(now) {
            Some(Overdue::Keepalive) => self.actions.push_back(Action::Keepalive),
            Some(Overdue::Peer) => self.close(now, Close::IDLE),
            None => {}
        }
    }

    /// Starts the calls that may start now, or finishes a drain whose running calls have ended.
    fn proceed(&mut self) {
        match &mut self.phase {
            Phase::Active => {
                while let Some(call) = self.lanes.start() {
                    self.actions.push_back(Action::Run(call));
                }
            }
            Phase::Draining { close, is_finishing, .. } => {
                if !self.lanes.is_running() && !*is_finishing {
                    *is_finishing = true;
                    self.actions.push_back(Action::Finish(*close));
                }
            }
            Phase::AwaitAuth { .. } | Phase::Validating { .. } | Phase::Closing { .. } | Phase::Ended => {}
        }
    }

    fn drain(&mut self, close: Close, until: Instant) {
        self.lanes.abandon();
        self.phase = Phase::Draining { close, until, is_finishing: false };
        self.proceed();
    }
}

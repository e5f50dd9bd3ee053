//! Inbound messages of a connection: rates, envelopes, and the calls that they start.

use std::time::Instant;

use bytes::Bytes;
use less_sync_core::frame::{self, Inbound, Unreadable};
use less_sync_core::wire::federation::FedCancelParams;
use less_sync_core::wire::method::Method;
use less_sync_core::{Close, close_code};

use super::handshake::read_auth_frame;
use super::phase::Phase;
use super::{Action, Incoming, OtherEnd, Session};
use crate::call::Call;

impl Session {
    pub(super) fn on_first(&mut self, now: Instant, incoming: Incoming) {
        match read_auth_frame(incoming) {
            Ok(Some(frame)) => {
                self.phase = Phase::Validating { until: now + self.limits.auth_validation_timeout };
                self.actions.push_back(Action::Authenticate(frame));
            }
            Ok(None) => {}
            Err(close) => self.close(now, close),
        }
    }

    pub(super) fn on_frame(&mut self, now: Instant, incoming: Incoming) {
        match incoming {
            Incoming::Binary(message) => {
                self.meter(now);
                self.on_message(now, &message);
            }
            Incoming::Control | Incoming::Fragment => self.meter(now),
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
        self.paused_until = self.inbound.take(now);
        if self.inbound_abuse.count(now) {
            self.close(now, Close::RATE_LIMITED);
        }
    }

    fn on_message(&mut self, now: Instant, message: &Bytes) {
        match frame::parse(message) {
            Ok(Inbound::Request { id, method, params }) => {
                let known = match self.other_end {
                    OtherEnd::Client => Method::request(method),
                    OtherEnd::Server => Method::server_request(method),
                };
                self.start(Call::within(message, id, method, params.raw(), known));
            }
            Ok(Inbound::Notification { method, params }) => {
                let known = match self.other_end {
                    OtherEnd::Client => Method::notification(method),
                    OtherEnd::Server => Method::server_notification(method),
                };
                let Some(known) = known else { return };
                let call = Call::within(message, "", method, params.raw(), Some(known));
                if known == Method::FedCancel {
                    self.cancel(&call);
                } else if known.row().is_ephemeral {
                    self.on_ephemeral(now, call);
                } else {
                    self.start(call);
                }
            }
            Ok(Inbound::Keepalive | Inbound::Ignored) => {}
            Err(Unreadable::Empty) => self.close(now, Close::EMPTY_FRAME),
            Err(Unreadable::Malformed) => self.close(now, Close::INVALID_CBOR),
            Err(Unreadable::IdTooLong) => self.close(now, Close::REQUEST_ID_TOO_LONG),
        }
    }

    /// Runs a presence or event frame within the rate; beyond it the newest of each space and kind waits (protocol §1.10).
    fn on_ephemeral(&mut self, now: Instant, call: Call) {
        if self.ephemeral.is_abused(now) {
            return self.close(now, Close::RATE_LIMITED);
        }
        match self.ephemeral.admit(now, call) {
            Some(call) => self.start(call),
            None => self.run_deferred(now),
        }
    }

    /// Runs the waiting ephemeral frames that the rate admits by now.
    pub(super) fn run_deferred(&mut self, now: Instant) {
        while let Some(call) = self.ephemeral.next(now) {
            self.start(call);
        }
    }

    /// Drops the stream with the id in the params: without a response, if it has not started (federation §9.8). Unknown ids are
    /// ignored.
    fn cancel(&mut self, call: &Call) {
        let Ok(FedCancelParams { id }) = call.params() else { return };
        if self.lanes.withdraw_stream(id) {
            self.proceed();
        } else {
            self.actions.push_back(Action::Cancel(id.into()));
        }
    }

    fn start(&mut self, call: Call) {
        self.lanes.accept(match self.other_end {
            OtherEnd::Client => call,
            OtherEnd::Server => call.forwarded(),
        });
        self.proceed();
    }
}

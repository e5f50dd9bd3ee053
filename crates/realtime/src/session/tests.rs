//! The session as a table of inputs and outputs: no socket, no sleep.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use less_sync_core::cbor::Encode;
use less_sync_core::wire::token::AuthParams;
use less_sync_core::{Close, frame};

use less_sync_core::wire::method::Lane;

use super::{Action, Incoming, Session};
use crate::call::Place;
use crate::limits::Limits;

mod handshake;
mod lanes;
mod timers;

const HOUR: Duration = Duration::from_hours(1);

/// A session with a manual clock.
struct Fixture {
    session: Session,
    now: Instant,
}

impl Fixture {
    /// A connection just upgraded.
    fn upgraded() -> Self {
        Self::with(Limits::default())
    }

    #[expect(clippy::disallowed_methods, reason = "arbitrary origin")]
    fn with(limits: Limits) -> Self {
        let now = Instant::now();
        Self { session: Session::new(Arc::new(limits), now, HOUR), now }
    }

    /// A connection that has authenticated with a token good for two hours.
    fn active() -> Self {
        Self::active_with(Limits::default())
    }

    fn active_with(limits: Limits) -> Self {
        let mut fixture = Self::with(limits);
        fixture.receives(auth("token"));
        assert!(matches!(fixture.next(), Some(Action::Authenticate(frame)) if frame.token == "token"));
        fixture.session.on_authenticated(fixture.now, 2 * HOUR);
        fixture
    }

    fn receives(&mut self, message: impl Into<Bytes>) {
        self.session.on_incoming(self.now, Incoming::Binary(message.into()));
    }

    fn meets(&mut self, incoming: Incoming) {
        self.session.on_incoming(self.now, incoming);
    }

    /// Advances the time; timers fire at the deadlines of the session.
    fn waits(&mut self, time: Duration) -> Vec<Action> {
        let until = self.now + time;
        let mut actions = Vec::new();
        while let Some(deadline) = self.session.deadline().filter(|deadline| *deadline <= until) {
            self.now = self.now.max(deadline);
            self.session.on_timer(self.now);
            actions.extend(self.all());
        }
        self.now = until;
        actions
    }

    fn next(&mut self) -> Option<Action> {
        self.session.next_action()
    }

    fn all(&mut self) -> Vec<Action> {
        std::iter::from_fn(|| self.session.next_action()).collect()
    }

    fn finishes(&mut self, lane: Lane) {
        self.session.on_finished(self.now, place(lane), 0);
    }

    /// Names of the methods started since the last call.
    fn started(&mut self) -> Vec<String> {
        self.all()
            .into_iter()
            .map(|action| {
                let Action::Run(call) = action else { panic!("expected a call to start, got {action:?}") };
                call.name().to_owned()
            })
            .collect()
    }

    fn assert_closes(&mut self, close: Close) {
        match self.all().as_slice() {
            [Action::Close(given)] => assert_eq!(*given, close),
            other => panic!("expected {close:?}, got {other:?}"),
        }
    }
}

/// Lane of a client, whose calls are ordered among all of its others.
fn place(lane: Lane) -> Place {
    Place { lane, space: None, is_elsewhere: false }
}

struct Empty;

impl Encode for Empty {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(0xa0);
    }
}

fn auth(token: &str) -> Bytes {
    frame::notification("auth", &AuthParams { token, did_proof: None })
}

fn request(id: &str, method: &str) -> Bytes {
    frame::request(id, method, &Empty)
}

fn notification(method: &str) -> Bytes {
    frame::notification(method, &Empty)
}

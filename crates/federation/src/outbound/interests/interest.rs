//! Interest of local connections in one space of a home: credentials, subscription there, and its renewal (federation §12.6).

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use less_sync_core::{ConnectionId, Cursor, Epoch, Timestamp};
use less_sync_engine::ports::PeerName;
use less_sync_engine::{HomePosition, RemoteWatch};

/// Time from the departure of the last connection to the end of the subscription.
pub(super) const LINGER: Duration = Duration::from_mins(1);

/// Time before the end of a token at which it is renewed (federation CU-7).
const SOON: Duration = Duration::from_mins(10);

/// Time by which a chain has to outlive the token that it renews.
const OUTLIVES: Duration = Duration::from_mins(1);

/// Time for clients to subscribe again.
const CLIENTS: Duration = Duration::from_mins(1);

/// Time to the next attempt after an error of the home.
const RETRY: Duration = Duration::from_mins(1);

/// Text of a chain or token, with its last second.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Credential {
    pub(super) text: Arc<str>,
    pub(super) expires_at: Timestamp,
}

/// Credential for a subscription.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Presented {
    /// Subscribe token of the home.
    Token(Arc<str>),
    /// Chain of a user.
    Ucan(Arc<str>),
}

/// Subscription at the home.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// No subscription; time of the next attempt.
    Pending(Instant),
    /// Accepted over the link with this number.
    Subscribed(u64),
    /// No credential is left that the home accepts.
    Lapsed,
}

/// Renewal of the authorization at the home.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Renewal {
    /// Not due.
    Current,
    /// Announced by the home.
    Due,
    /// Left to the clients until this time.
    Requested(Instant),
}

/// Next step for an interest.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Plan {
    /// Subscribe with this credential.
    Subscribe(Presented),
    /// Request the clients to subscribe again.
    RequestClients,
    /// End of the subscription at the home: no connection is left.
    Unsubscribe,
    /// No credential has come in time.
    Lapse,
    /// Pause until this time; `None`: until another event.
    Wait(Option<Instant>),
}

/// Accepted subscription.
#[derive(Clone)]
pub(super) struct Accepted {
    pub(super) position: HomePosition,
    pub(super) token: Option<Credential>,
    pub(super) link: u64,
    /// Peers present at the home.
    pub(super) peers: Vec<(PeerName, Bytes)>,
}

/// Consequence of a rejected credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rejection {
    /// Another attempt follows.
    Retried,
    /// The home has rejected the last credential.
    Ended,
}

/// Interest in one space.
pub(super) struct Interest {
    /// Chain that each connection last presented; `None` once the home has rejected it.
    watchers: HashMap<ConnectionId, Option<Credential>>,
    token: Option<Credential>,
    state: State,
    renewal: Renewal,
    /// Time of the end, after the last connection has left.
    linger: Option<Instant>,
    /// True: clients were subscribed while the home was unavailable, or have missed a rejected subscription.
    owes_hint: bool,
    /// Cursor of the last event of a catch-up in progress.
    caught_up_to: Option<Cursor>,
    key_generation: Epoch,
    rewrap_epoch: Option<Epoch>,
    /// True once a rollback of the home was logged.
    is_rollback_logged: bool,
}

impl Interest {
    /// Interest without connections, whose first attempt is made at `at`.
    pub(super) fn new(at: Instant) -> Self {
        Self {
            watchers: HashMap::new(),
            token: None,
            state: State::Pending(at),
            renewal: Renewal::Current,
            linger: None,
            owes_hint: false,
            caught_up_to: None,
            key_generation: Epoch::FIRST,
            rewrap_epoch: None,
            is_rollback_logged: false,
        }
    }

    /// Adds a connection, or replaces its chain.
    pub(super) fn add(&mut self, watch: &RemoteWatch) {
        let credential = Credential { text: watch.ucan.clone(), expires_at: watch.expires_at };
        self.watchers.insert(watch.connection, Some(credential));
        self.linger = None;
    }

    /// Removes a connection and its chain (federation CU-8).
    pub(super) fn remove(&mut self, connection: ConnectionId, now: Instant) {
        if self.watchers.remove(&connection).is_some() && self.watchers.is_empty() {
            self.linger = Some(now + LINGER);
        }
    }

    /// Ends the interest after [`LINGER`] unless a connection comes.
    pub(super) fn linger(&mut self, now: Instant) {
        if self.watchers.is_empty() {
            self.linger = Some(now + LINGER);
        }
    }

    /// Next step. `link`: number of the open link, if there is one.
    pub(super) fn plan(&self, now: Instant, time: Timestamp, link: Option<u64>) -> Plan {
        if self.watchers.is_empty() {
            return match self.linger.filter(|end| now < *end) {
                Some(end) => Plan::Wait(Some(end)),
                None => Plan::Unsubscribe,
            };
        }
        if let Renewal::Requested(until) = self.renewal {
            return if now < until { Plan::Wait(Some(until)) } else { Plan::Lapse };
        }
        match self.state {
            State::Lapsed => Plan::Wait(None),
            State::Pending(at) if now < at => Plan::Wait(Some(at)),
            State::Subscribed(on) if Some(on) == link => self.plan_renewal(now, time),
            State::Pending(_) | State::Subscribed(_) => {
                let token = self.token.as_ref().filter(|token| token.expires_at > time);
                let token = token.map(|token| Presented::Token(token.text.clone()));
                let ucan = || self.best_ucan(time).map(|ucan| Presented::Ucan(ucan.text.clone()));
                token.or_else(ucan).map_or(Plan::RequestClients, Plan::Subscribe)
            }
        }
    }

    fn plan_renewal(&self, now: Instant, time: Timestamp) -> Plan {
        let left = self.token.as_ref().map(|token| token.expires_at.since(time));
        match (self.renewal, left) {
            (Renewal::Current, None) => return Plan::Wait(None),
            (Renewal::Current, Some(left)) if left > SOON => {
                return Plan::Wait(now.checked_add(left.saturating_sub(SOON)));
            }
            (Renewal::Current | Renewal::Due | Renewal::Requested(_), _) => {}
        }
        let needed = self.token.as_ref().map_or(time, |token| token.expires_at.plus(OUTLIVES));
        let ucan = self.best_ucan(time).filter(|ucan| ucan.expires_at >= needed);
        ucan.map_or(Plan::RequestClients, |ucan| Plan::Subscribe(Presented::Ucan(ucan.text.clone())))
    }

    /// Text of the chain with the latest expiry.
    pub(super) fn ucan(&self, time: Timestamp) -> Option<Arc<str>> {
        self.best_ucan(time).map(|ucan| ucan.text.clone())
    }

    /// Chain with the latest expiry.
    fn best_ucan(&self, time: Timestamp) -> Option<&Credential> {
        let ucans = self.watchers.values().flatten().filter(|ucan| ucan.expires_at > time);
        ucans.max_by_key(|ucan| ucan.expires_at)
    }

    /// Notes that a subscription with `since` is on its way: what comes now continues that cursor.
    pub(super) fn begin_catch_up(&mut self, since: Cursor) {
        self.caught_up_to = Some(since);
    }

    /// Notes that no catch-up is in progress any more.
    pub(super) fn end_catch_up(&mut self) {
        self.caught_up_to = None;
    }

    /// Cursor that a notification continues. `prev`: stated by it; changes of other kinds than pushes state none, and each
    /// change moves the cursor by one. In the catch-up of a native home every notification continues the one before it.
    pub(super) fn continued(&mut self, prev: Option<Cursor>, cursor: Cursor, is_native: bool) -> Cursor {
        let before = Cursor::new(cursor.get().saturating_sub(1)).unwrap_or(Cursor::ZERO);
        let stated = prev.unwrap_or(before).min(before);
        match &mut self.caught_up_to {
            Some(told) if is_native => std::mem::replace(told, cursor.max(*told)).min(stated),
            Some(_) | None => stated,
        }
    }

    /// Position at `cursor`; the key generation of a space never goes back.
    pub(super) fn position(&mut self, cursor: Cursor, told: Option<(Epoch, Option<Epoch>)>) -> HomePosition {
        if let Some((key_generation, rewrap_epoch)) = told.filter(|(told, _)| *told >= self.key_generation) {
            (self.key_generation, self.rewrap_epoch) = (key_generation, rewrap_epoch);
        }
        HomePosition { cursor, key_generation: self.key_generation, rewrap_epoch: self.rewrap_epoch }
    }

    /// Returns true when the space is subscribed to over the link with this number.
    pub(super) fn is_subscribed_over(&self, link: u64) -> bool {
        self.state == State::Subscribed(link)
    }

    /// Notes that the home has accepted a subscription. Returns true when the clients are owed a pull hint.
    pub(super) fn accepted(&mut self, accepted: &Accepted) -> bool {
        self.state = State::Subscribed(accepted.link);
        self.renewal = Renewal::Current;
        self.caught_up_to = None;
        let HomePosition { key_generation, rewrap_epoch, .. } = accepted.position;
        (self.key_generation, self.rewrap_epoch) = (key_generation, rewrap_epoch);
        if let Some(token) = &accepted.token
            && self.token.as_ref().is_none_or(|known| known.expires_at < token.expires_at)
        {
            self.token = Some(token.clone());
        }
        std::mem::take(&mut self.owes_hint)
    }

    /// Notes that the home has rejected a credential, which is not presented again (federation CU-9).
    pub(super) fn rejected(&mut self, presented: &Presented, now: Instant) -> Rejection {
        match presented {
            Presented::Token(text) => {
                if self.token.as_ref().is_some_and(|token| token.text == *text) {
                    self.token = None;
                }
            }
            Presented::Ucan(text) => {
                for credential in self.watchers.values_mut() {
                    credential.take_if(|ucan| ucan.text == *text);
                }
            }
        }
        // A token may stand behind a chain that the home has rejected: other members have chains of their own.
        if self.token.is_some() || self.watchers.values().any(Option::is_some) {
            if !matches!(self.state, State::Subscribed(_)) {
                self.state = State::Pending(now);
            }
            return Rejection::Retried;
        }
        self.state = State::Lapsed;
        self.owes_hint = true;
        Rejection::Ended
    }

    /// Notes that an attempt failed. `at`: time of the next one; `None`: after an error of the home.
    pub(super) fn failed(&mut self, at: Option<Instant>, now: Instant) {
        self.state = State::Pending(at.unwrap_or(now + RETRY));
    }

    /// Notes that clients are subscribed whose state is unknown.
    pub(super) fn owe_hint(&mut self) {
        self.owes_hint = true;
    }

    /// Notes the announcement that the authorization at the home ends.
    pub(super) fn renew(&mut self) {
        if self.renewal == Renewal::Current {
            self.renewal = Renewal::Due;
        }
    }

    /// Notes that the clients were requested to subscribe again.
    pub(super) fn requested(&mut self, now: Instant) {
        self.renewal = Renewal::Requested(now + CLIENTS);
    }

    /// Ends the attempts until a client subscribes.
    pub(super) fn lapse(&mut self) {
        (self.state, self.renewal, self.owes_hint) = (State::Lapsed, Renewal::Current, true);
    }

    /// Forgets the token; the next attempt follows at once, with a chain.
    pub(super) fn drop_token(&mut self, now: Instant) {
        self.token = None;
        self.state = State::Pending(now);
    }

    /// Forgets all credentials: the home is not trusted any more (federation §5.5).
    pub(super) fn forget(&mut self) {
        self.token = None;
        self.watchers.values_mut().for_each(|credential| *credential = None);
        self.lapse();
    }

    /// Resumes the attempts, with credentials of the clients: the home is trusted again.
    pub(super) fn resume(&mut self, now: Instant) {
        if self.state == State::Lapsed {
            self.state = State::Pending(now);
        }
    }

    /// True for the first rollback.
    pub(super) fn log_rollback(&mut self) -> bool {
        !std::mem::replace(&mut self.is_rollback_logged, true)
    }

    /// Name of the state, for metrics.
    pub(super) fn label(&self) -> &'static str {
        match self.state {
            State::Pending(_) => "pending",
            State::Subscribed(_) => "subscribed",
            State::Lapsed => "lapsed",
        }
    }
}

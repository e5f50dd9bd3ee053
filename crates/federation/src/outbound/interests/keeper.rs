//! Task that keeps the subscriptions at a home: after the loss of a link, before the end of a token, and until the last
//! connection has left (federation §12.6).

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use less_sync_core::cbor::Encode as _;
use less_sync_core::wire::method;
use less_sync_core::wire::subscribe::UnsubscribeParams;
use less_sync_core::{ErrorCode, SpaceId};
use less_sync_engine::HomeError;

use super::Interests;
use super::ask::{Answer, Ask};
use super::interest::{Plan, Presented, Rejection};
use crate::outbound::event_metrics::Renewed;

/// Shortest time between two attempts.
const PAUSE: Duration = Duration::from_millis(250);

/// Steps that are due.
#[derive(Default)]
struct Due {
    subscribe: Vec<(SpaceId, Presented)>,
    unsubscribe: Vec<SpaceId>,
    request_clients: Vec<SpaceId>,
    lapse: Vec<SpaceId>,
    /// Time of the next step.
    next: Option<Instant>,
}

impl Due {
    fn is_empty(&self) -> bool {
        self.subscribe.is_empty()
            && self.unsubscribe.is_empty()
            && self.request_clients.is_empty()
            && self.lapse.is_empty()
    }
}

impl Interests {
    /// Runs until no interest is left.
    pub(super) async fn run(self: Arc<Self>) {
        let has_presence = self.outbound.has_presence();
        tokio::select! {
            biased;
            () = self.keep_subscriptions() => {}
            () = self.catch_up_forever() => {}
            () = self.relay(), if has_presence => {}
        }
    }

    async fn keep_subscriptions(&self) {
        loop {
            let due = self.due();
            if due.is_empty() {
                if self.has_ended() {
                    return;
                }
                self.wait(due.next).await;
                continue;
            }
            self.unsubscribe(&due.unsubscribe);
            for space in due.request_clients {
                self.request_clients(space);
            }
            for space in due.lapse {
                self.lapse(space);
            }
            if !due.subscribe.is_empty() {
                self.renew(due.subscribe).await;
            }
        }
    }

    fn due(&self) -> Due {
        let clock = self.outbound.clock();
        let (now, time, link) = (clock.instant(), clock.now(), self.outbound.current_link(&self.peer));
        let mut due = Due::default();
        for (space, interest) in self.table.lock().iter() {
            match interest.plan(now, time, link) {
                Plan::Subscribe(presented) => due.subscribe.push((*space, presented)),
                Plan::RequestClients => due.request_clients.push(*space),
                Plan::Unsubscribe => due.unsubscribe.push(*space),
                Plan::Lapse => due.lapse.push(*space),
                Plan::Wait(at) => due.next = [due.next, at].into_iter().flatten().min(),
            }
        }
        due
    }

    /// Ends the task if there is nothing to keep.
    fn has_ended(&self) -> bool {
        let table = self.table.lock();
        if table.is_empty() {
            // Under the lock of the table: an interest that is added now starts the task again.
            self.is_kept.store(false, Ordering::Release);
        }
        table.is_empty()
    }

    async fn wait(&self, until: Option<Instant>) {
        let clock = self.outbound.clock();
        match until {
            Some(until) => tokio::select! {
                biased;
                () = self.changed.notified() => {}
                () = clock.sleep_until(until) => {}
            },
            None => self.changed.notified().await,
        }
    }

    /// Ends subscriptions without a connection at the home, too.
    fn unsubscribe(&self, spaces: &[SpaceId]) {
        if spaces.is_empty() {
            return;
        }
        let mut table = self.table.lock();
        let link = self.outbound.current_link(&self.peer);
        let now = self.outbound.clock().instant();
        let time = self.outbound.clock().now();
        let mut ended = Vec::new();
        for space in spaces {
            // A connection may have come meanwhile.
            if table.get(space).is_some_and(|interest| interest.plan(now, time, link) == Plan::Unsubscribe) {
                table.remove(space);
                ended.push(space.to_string());
            }
        }
        drop(table);
        let params = UnsubscribeParams { spaces: ended.iter().map(String::as_str).collect() };
        let mut encoded = Vec::new();
        params.encode(&mut encoded);
        self.outbound.notify(&self.peer, method::UNSUBSCRIBE, &encoded.into());
    }

    fn request_clients(&self, space: SpaceId) {
        let now = self.outbound.clock().instant();
        if let Some(interest) = self.table.lock().get_mut(&space) {
            interest.requested(now);
        }
        self.outbound.event_metrics().renewed(&self.peer, Renewed::Client);
        // Event name of federation §18.4.
        tracing::info!(peer = %self.peer, space_id = %space, "federation.resubscribe");
        self.events.resubscribe(space);
    }

    fn lapse(&self, space: SpaceId) {
        if let Some(interest) = self.table.lock().get_mut(&space) {
            interest.lapse();
        }
        self.note_lapse(space);
    }

    fn note_lapse(&self, space: SpaceId) {
        self.outbound.event_metrics().renewed(&self.peer, Renewed::Lapsed);
        // Event name of federation §18.4.
        tracing::info!(peer = %self.peer, space_id = %space, "federation.lapsed");
    }

    /// Subscribes anew, from the cursor that was delivered.
    async fn renew(&self, due: Vec<(SpaceId, Presented)>) {
        let ask = |(space, presented): &(SpaceId, Presented)| {
            let floor = self.events.delivered(*space);
            let since = floor.unwrap_or(less_sync_core::Cursor::ZERO);
            Ask { space: *space, since, floor, presented: presented.clone() }
        };
        let answers = self.subscribe(due.iter().map(ask).collect()).await;
        let now = self.outbound.clock().instant();
        let next = self.outbound.next_dial(&self.peer).unwrap_or(now).max(now + PAUSE);
        for ((space, presented), answer) in due.into_iter().zip(answers) {
            match answer {
                Answer::Accepted(_) => {
                    if matches!(presented, Presented::Ucan(_)) {
                        self.outbound.event_metrics().renewed(&self.peer, Renewed::Ucan);
                    }
                }
                Answer::Rejected { code, .. } if is_rejection(&code) => {
                    self.rejected(space, &presented, now);
                }
                Answer::Rejected { .. } | Answer::Failed(HomeError::TooLarge) => {
                    self.failed_attempt(space, None, now);
                }
                Answer::Failed(_) => self.failed_attempt(space, Some(next), now),
            }
        }
    }

    fn failed_attempt(&self, space: SpaceId, at: Option<Instant>, now: Instant) {
        if let Some(interest) = self.table.lock().get_mut(&space) {
            interest.failed(at, now);
        }
    }

    /// Drops a credential that the home has rejected. After the last one the clients find out whether they are meant (federation
    /// CU-9).
    fn rejected(&self, space: SpaceId, presented: &Presented, now: Instant) {
        let mut table = self.table.lock();
        let rejection = table.get_mut(&space).map(|interest| interest.rejected(presented, now));
        drop(table);
        if rejection == Some(Rejection::Ended) {
            self.note_lapse(space);
            self.events.revoked(space);
        }
    }
}

/// True for the codes of a home that does not accept a credential; original homes say `not_found` for unknown spaces.
fn is_rejection(code: &str) -> bool {
    matches!(ErrorCode::parse(code), Some(ErrorCode::Forbidden | ErrorCode::NotFound))
}

//! Live subscriptions at one home, shared by the local connections that watch its spaces (federation §12.5, §12.6).
//!
//! The table is locked for moments only, and never while the broker is called: the broker reports departing subscribers under
//! its own locks.

mod ask;
mod catch_up;
mod catch_ups;
mod interest;
mod keeper;
mod notice;
mod presence;
mod presence_relay;
mod subscribe;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use less_sync_core::{ConnectionId, Cursor, PeerId, SpaceId};
use less_sync_engine::{HomeError, HomeEvents, HomePosition, RemoteWatch};
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::links::Outbound;
use ask::{Answer, Ask};
use catch_ups::CatchUps;
use interest::{Interest, Presented};
use presence_relay::PresenceRelay;

/// Time in which the first request of a client is to end; only then the subscription is attempted without it.
const FIRST_ATTEMPT: Duration = Duration::from_secs(30);

/// Interests in the spaces of one home.
pub(super) struct Interests {
    peer: PeerId,
    outbound: Arc<Outbound>,
    events: Arc<dyn HomeEvents>,
    table: Mutex<HashMap<SpaceId, Interest>>,
    /// Notified after changes that may need another step.
    changed: Notify,
    is_kept: AtomicBool,
    /// Time of the last logged notification about another space.
    foreign_logged: Mutex<Option<Instant>>,
    relay: PresenceRelay,
    catch_ups: CatchUps,
}

impl Interests {
    pub(super) fn new(peer: PeerId, outbound: Arc<Outbound>, events: Arc<dyn HomeEvents>) -> Arc<Self> {
        Arc::new(Self {
            peer,
            outbound,
            events,
            table: Mutex::default(),
            changed: Notify::new(),
            is_kept: AtomicBool::new(false),
            foreign_logged: Mutex::default(),
            relay: PresenceRelay::default(),
            catch_ups: CatchUps::default(),
        })
    }

    /// Returns true when no connection watches a space of this home.
    pub(super) fn is_empty(&self) -> bool {
        self.table.lock().is_empty()
    }

    /// Number of interests in the state with this name.
    pub(super) fn count(&self, state: &str) -> usize {
        self.table.lock().values().filter(|interest| interest.label() == state).count()
    }

    /// Subscribes on behalf of local connections; see [`less_sync_engine::RemoteHome::watch`].
    pub(super) async fn watch(
        self: &Arc<Self>,
        watches: Vec<RemoteWatch>,
    ) -> Vec<Result<HomePosition, HomeError>> {
        self.add(&watches);
        self.keep();
        let ask = |watch: &RemoteWatch| {
            let floor = self.events.delivered(watch.space);
            let since = floor.unwrap_or(watch.since);
            Ask { space: watch.space, since, floor, presented: Presented::Ucan(watch.ucan.clone()) }
        };
        let answers = self.subscribe(watches.iter().map(ask).collect()).await;
        watches.iter().zip(answers).map(|(watch, answer)| self.settle(watch, answer)).collect()
    }

    fn add(&self, watches: &[RemoteWatch]) {
        let now = self.outbound.clock().instant();
        let mut table = self.table.lock();
        for watch in watches {
            let interest = table.entry(watch.space).or_insert_with(|| Interest::new(now + FIRST_ATTEMPT));
            interest.add(watch);
        }
    }

    /// Keeps or drops the interest of a connection, by the answer of the home.
    fn settle(&self, watch: &RemoteWatch, answer: Answer) -> Result<HomePosition, HomeError> {
        let now = self.outbound.clock().instant();
        let error = match answer {
            Answer::Accepted(position) => return Ok(position),
            Answer::Rejected { code, message } => HomeError::Rejected { code, message },
            Answer::Failed(error) => error,
        };
        let mut table = self.table.lock();
        if let Entry::Occupied(mut interest) = table.entry(watch.space) {
            match error {
                HomeError::Unavailable | HomeError::Busy => interest.get_mut().owe_hint(),
                HomeError::Untrusted
                | HomeError::Unsupported
                | HomeError::TooLarge
                | HomeError::Rejected { .. } => {
                    interest.get_mut().remove(watch.connection, now);
                }
            }
        }
        drop(table);
        self.changed.notify_one();
        Err(error)
    }

    /// Ends the interest of a connection.
    pub(super) fn unwatch(&self, space: SpaceId, connection: ConnectionId) {
        let now = self.outbound.clock().instant();
        if let Some(interest) = self.table.lock().get_mut(&space) {
            interest.remove(connection, now);
        }
        self.changed.notify_one();
    }

    /// Takes over the subscription of a probe, for the client that is about to subscribe.
    pub(super) fn adopt(self: &Arc<Self>, space: SpaceId, result: &[u8], link: u64) {
        let now = self.outbound.clock().instant();
        let Some(accepted) = ask::accepted(result, space, link, self.outbound.clock().now()) else {
            return;
        };
        let mut table = self.table.lock();
        let interest = table.entry(space).or_insert_with(|| Interest::new(now));
        interest.accepted(&accepted);
        interest.linger(now);
        drop(table);
        self.keep();
    }

    /// Reacts to a link that opened or ended, and to changes of trust.
    pub(super) fn link_changed(&self) {
        let is_trusted = self.outbound.trusted(&self.peer).as_ref() == Some(&self.peer);
        let now = self.outbound.clock().instant();
        for interest in self.table.lock().values_mut() {
            if is_trusted { interest.resume(now) } else { interest.forget() }
        }
        self.changed.notify_one();
        self.relay.wake();
    }

    /// Starts the task that keeps the subscriptions, unless it runs.
    fn keep(self: &Arc<Self>) {
        if !self.is_kept.swap(true, Ordering::AcqRel) {
            let interests = self.clone();
            self.outbound.spawner().spawn("federation interests", Box::pin(interests.run()));
        }
        self.changed.notify_one();
    }

    /// Cursor that everything was delivered up to; zero without a subscriber.
    fn delivered(&self, space: SpaceId) -> Cursor {
        self.events.delivered(space).unwrap_or(Cursor::ZERO)
    }
}

impl std::fmt::Debug for Interests {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Interests").field("peer", &self.peer).finish_non_exhaustive()
    }
}

//! Home servers of spaces, reached over outbound links (federation §12.4).

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Weak};

use async_trait::async_trait;
use less_sync_core::wire::method::Method;
use less_sync_core::{ConnectionId, PeerId, SpaceId, limits};
use less_sync_engine::ports::EphemeralChange;
use less_sync_engine::{
    FileCall, FileRelayError, FileReply, HomeError, HomeEvents, HomeHandle, HomePosition, HomeQuery,
    HomeSearch, Random, RemoteCall, RemoteDekListing, RemoteDeks, RemoteHome, RemotePull, RemoteResponse,
    RemoteRows, RemoteWatch, RouteRejection, SpaceRouter,
};
use less_sync_storage::{HomeServer, StorageError};
use parking_lot::Mutex;

use super::call::{FORWARD, OutboundCall, Repeat, TIMEOUT};
use super::dek_relay::DekRelay;
use super::idem::with_idem;
use super::interests::Interests;
use super::links::Outbound;
use super::listener::LinkListener;
use super::notice::Notice;
use super::pull_relay::PullRelay;
use super::search::{HomeStore, Search, Searcher, Subscribed};

/// Feature of the methods on key shares.
const EPOCH_KEYS: &str = "epoch.keys";

/// Maximum remote spaces whose use waits to be stored, inclusive.
const USED_SPACES: usize = 65_536;

/// Router of remote spaces to their homes.
pub struct HomeRouter {
    outbound: Arc<Outbound>,
    random: Arc<dyn Random>,
    store: HomeStore,
    searcher: Searcher,
    events: Arc<dyn HomeEvents>,
    /// Homes that were used, of trusted peers only.
    homes: Mutex<HashMap<PeerId, Arc<Home>>>,
    /// Spaces that were used since the last [`Self::note_interest`].
    used: Mutex<HashSet<SpaceId>>,
}

impl HomeRouter {
    /// Router over the links of `outbound`. `random`: source of idempotency keys; `events`: receiver of live events.
    #[must_use]
    pub fn new(
        outbound: Arc<Outbound>,
        random: Arc<dyn Random>,
        store: HomeStore,
        events: Arc<dyn HomeEvents>,
    ) -> Arc<Self> {
        let searcher = Searcher::new(outbound.clone(), store.clone());
        let (homes, used) = (Mutex::default(), Mutex::default());
        let router = Arc::new(Self { outbound, random, store, searcher, events, homes, used });
        let listener: Weak<Self> = Arc::downgrade(&router);
        router.outbound.listen(listener);
        router
    }

    fn of(&self, peer: &PeerId) -> Arc<Home> {
        let mut homes = self.homes.lock();
        let home = homes.entry(peer.clone()).or_insert_with(|| {
            let (outbound, random) = (self.outbound.clone(), self.random.clone());
            let interests = Interests::new(peer.clone(), outbound.clone(), self.events.clone());
            Arc::new(Home { peer: peer.clone(), outbound, random, interests })
        });
        home.clone()
    }

    fn known(&self, peer: &PeerId) -> Option<Arc<Home>> {
        self.homes.lock().get(peer).cloned()
    }

    /// Stores the use of remote spaces, so that their rows stay (federation RT-6).
    ///
    /// # Errors
    /// Failures of the database; the uses are lost.
    pub async fn note_interest(&self) -> Result<(), StorageError> {
        let used: Vec<SpaceId> = std::mem::take(&mut *self.used.lock()).into_iter().collect();
        for spaces in used.chunks(limits::SPACES) {
            self.store.routes.note_interest(spaces).await?;
        }
        Ok(())
    }
}

#[async_trait]
impl SpaceRouter for HomeRouter {
    fn home(&self, space: SpaceId, home: &str) -> Result<HomeHandle, RouteRejection> {
        let mut used = self.used.lock();
        if used.len() < USED_SPACES {
            used.insert(space);
        }
        drop(used);
        let home: HomeServer = home.parse().map_err(|_| RouteRejection::Unavailable)?;
        if !self.outbound.is_enabled() {
            return Err(RouteRejection::Unavailable);
        }
        let peer = self.outbound.trusted(home.peer()).ok_or(RouteRejection::Untrusted)?;
        Ok(HomeHandle::new(self.of(&peer)))
    }

    fn relays_files(&self) -> bool {
        true
    }

    fn contradicts(&self, space: SpaceId, named: &str, home: Option<&str>) -> bool {
        let peer = |text: &str| {
            let peer = text.parse::<HomeServer>().ok()?.peer().clone();
            Some(self.outbound.trusted(&peer).unwrap_or(peer))
        };
        let named = peer(named);
        let contradicts = match home {
            Some(home) => named != peer(home),
            // A server without a name of its own cannot tell.
            None => self.outbound.has_name() && !named.is_some_and(|named| self.outbound.is_own(&named)),
        };
        if contradicts {
            // Event name of federation §18.4.
            tracing::warn!(space_id = %space, stored = home, "federation.route_conflict");
        }
        contradicts
    }

    async fn find(&self, query: HomeQuery<'_>) -> Result<HomeSearch, StorageError> {
        if !self.outbound.is_enabled() {
            return Ok(HomeSearch::Nowhere);
        }
        let space = query.space;
        let Search { outcome, subscribed } = self.searcher.find(query).await?;
        if let Some(Subscribed { peer, result, link }) = subscribed {
            self.of(&peer).interests.adopt(space, &result, link);
        }
        Ok(outcome)
    }
}

impl std::fmt::Debug for HomeRouter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HomeRouter").finish_non_exhaustive()
    }
}

impl LinkListener for HomeRouter {
    fn notified(&self, peer: &PeerId, notice: Notice<'_>) {
        // Without a home there is no interest; the notification is counted there.
        self.of(peer).interests.notified(notice);
    }

    fn link_changed(&self, peer: &PeerId) {
        if let Some(home) = self.known(peer) {
            home.interests.link_changed();
        }
    }

    fn trust_changed(&self) {
        let homes: Vec<_> = self.homes.lock().values().cloned().collect();
        for home in homes {
            home.interests.link_changed();
        }
    }

    fn interests(&self, peer: &PeerId, state: &str) -> usize {
        self.known(peer).map_or(0, |home| home.interests.count(state))
    }

    fn needs_link(&self, peer: &PeerId) -> bool {
        self.known(peer).is_some_and(|home| !home.interests.is_empty())
    }
}

struct Home {
    peer: PeerId,
    outbound: Arc<Outbound>,
    random: Arc<dyn Random>,
    interests: Arc<Interests>,
}

#[async_trait]
impl RemoteHome for Home {
    async fn begin(&self, call: RemoteCall) -> Result<RemoteResponse, HomeError> {
        let Forwarding { repeat, feature } = forwarding(call.method).ok_or(HomeError::Unsupported)?;
        let params = match repeat {
            Repeat::Keyed => with_idem(&call.params, self.random.bits().to_be_bytes()),
            Repeat::Always | Repeat::Unsent => Some(call.params),
        };
        let params = params.ok_or(HomeError::Unavailable)?;
        let call = OutboundCall { method: call.method.name(), params, timeout: TIMEOUT, repeat, feature };
        self.outbound.begin(&self.peer, call).await
    }

    async fn pull(&self, pull: RemotePull) -> Result<Box<dyn RemoteRows>, HomeError> {
        let begun = PullRelay::begin(self.outbound.clone(), self.peer.clone(), pull).await?;
        Ok(Box::new(begun))
    }

    async fn list_deks(&self, listing: RemoteDekListing) -> Result<Box<dyn RemoteDeks>, HomeError> {
        let begun = DekRelay::begin(self.outbound.clone(), self.peer.clone(), listing).await?;
        Ok(Box::new(begun))
    }

    async fn file(&self, call: FileCall) -> Result<FileReply, FileRelayError> {
        self.outbound.file(&self.peer, call).await
    }

    async fn watch(&self, watches: Vec<RemoteWatch>) -> Vec<Result<HomePosition, HomeError>> {
        self.interests.watch(watches).await
    }

    fn unwatch(&self, space: SpaceId, connection: ConnectionId) {
        self.interests.unwatch(space, connection);
    }

    fn ephemeral(&self, change: EphemeralChange) {
        self.interests.ephemeral(change);
    }
}

/// Treatment of a method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Forwarding {
    repeat: Repeat,
    feature: Option<&'static str>,
}

/// Treatment of the forwarded methods with one response; `None` for all others.
const fn forwarding(method: Method) -> Option<Forwarding> {
    let (repeat, feature) = match method {
        Method::Push => (Repeat::Keyed, None),
        Method::MembershipAppend
        | Method::MembershipRevoke
        | Method::EpochBegin
        | Method::EpochComplete
        | Method::DeksRewrap
        | Method::DeksRewrapFiles => (Repeat::Keyed, Some(FORWARD)),
        Method::MembershipList => (Repeat::Always, Some(FORWARD)),
        Method::EpochKeysPut => (Repeat::Unsent, Some(EPOCH_KEYS)),
        Method::EpochKeysGet => (Repeat::Always, Some(EPOCH_KEYS)),
        Method::Pull
        | Method::Subscribe
        | Method::Unsubscribe
        | Method::PresenceSet
        | Method::PresenceClear
        | Method::EventSend
        | Method::Auth
        | Method::TokenRefresh
        | Method::SpaceCreate
        | Method::InvitationCreate
        | Method::InvitationList
        | Method::InvitationGet
        | Method::InvitationDelete
        | Method::DeksGet
        | Method::DeksGetFiles
        | Method::FedHello
        | Method::FedInvitation
        | Method::FedCancel => return None,
    };
    Some(Forwarding { repeat, feature })
}

//! Live subscriptions at a home: events, renewal, loss of the link, rollback (federation §12.5–§12.7).

use std::sync::Arc;
use std::time::Duration;

use less_sync_core::cbor::Decode as _;
use less_sync_core::wire::event::{
    FileEvent, MEMBERSHIP_REMOVED, MembershipEvent, Resubscribe, Revoked, Sync, TRUST_REVOKED, UCAN_REVOKED,
};
use less_sync_core::wire::pull::PullParams;
use less_sync_core::wire::subscribe::{
    SpaceError, SpaceState, SubscribeParams, SubscribeResult, UnsubscribeParams,
};
use less_sync_core::{ConnectionId, Cursor, Epoch, ErrorCode, SpaceId, Timestamp, frame};
use less_sync_engine::{Clock as _, HomeError, HomeHandle, HomePosition, RemoteWatch, SpaceRouter as _};
use less_sync_federation::outbound::dialer::Received;
use less_sync_federation::outbound::{HomeRouter, HomeStore};
use less_sync_test_support::within;
use tokio::task::JoinHandle;

use crate::fixture::{Dial, Fixture, PEER, Peer, TRUSTED, settle, start};
use crate::recorder::{Recorder, Told};
use crate::unused_ports::NoStore;

const SPACE: SpaceId = SpaceId::from_bytes([7; 16]);
const OTHER: SpaceId = SpaceId::from_bytes([8; 16]);

/// A server whose clients watch spaces of [`PEER`].
struct Watching {
    fixture: Fixture,
    events: Arc<Recorder>,
    _router: Arc<HomeRouter>,
    home: HomeHandle,
}

/// Outcomes of a subscription.
type Outcomes = Vec<Result<HomePosition, HomeError>>;

impl Watching {
    async fn new() -> Self {
        let fixture = Fixture::new().await;
        let events = Arc::<Recorder>::default();
        let store = HomeStore { routes: Arc::new(NoStore), hints: Arc::new(NoStore) };
        let random = Arc::new(|| 1_u128 << 127);
        let router = HomeRouter::new(fixture.outbound.clone(), random, store, events.clone());
        let home = router.home(SPACE, PEER).unwrap();
        Self { fixture, events, _router: router, home }
    }

    /// Subscribes on behalf of the connection with this number, by a chain for `time`.
    fn watch(&self, connection: u8, since: u64, time: Duration) -> JoinHandle<Outcomes> {
        let watch = RemoteWatch {
            space: SPACE,
            connection: ConnectionId::from_bytes([connection; 16]),
            since: cursor(since),
            ucan: format!("ucan-{connection}").into(),
            expires_at: self.fixture.clock.now().plus(time),
        };
        let home = self.home.clone();
        start(async move { home.watch(vec![watch]).await })
    }

    /// Server with one connection with a chain of a day, subscribed at cursor 10 with a token for `token`.
    async fn subscribed(token: Duration) -> (Self, Peer) {
        let watching = Self::new().await;
        let watch = watching.watch(1, 4, Duration::from_hours(24));
        let mut peer = native(watching.fixture.dial().await).await;
        let request = subscribe(&mut peer).await;
        assert_eq!(request.entries, [(SPACE, 4, Some("ucan-1".to_owned()), None)]);
        peer.respond_with(&request.id, &accepted(10, watching.token(1, token))).await;
        let outcomes = within("the outcome", watch).await.unwrap();
        let position = HomePosition { cursor: cursor(10), key_generation: Epoch::FIRST, rewrap_epoch: None };
        assert_eq!(outcomes, [Ok(position)]);
        *watching.events.delivered.lock() = Some(10);
        (watching, peer)
    }

    fn token(&self, number: u8, time: Duration) -> (String, Timestamp) {
        (format!("token-{number}"), self.fixture.clock.now().plus(time))
    }

    fn told(&self) -> Vec<Told> {
        std::mem::take(&mut self.events.told.lock())
    }

    async fn until_told(&self) -> Vec<Told> {
        within("an event", async {
            while self.events.told.lock().is_empty() {
                tokio::task::yield_now().await;
            }
        })
        .await;
        self.told()
    }

    /// Moves the time on over a link that is alive.
    async fn pass(&self, peer: &Peer, time: Duration) {
        let mut left = time;
        while !left.is_zero() {
            let step = left.min(Duration::from_secs(30));
            peer.send(Received::Control).await;
            self.fixture.pass(step).await;
            left -= step;
        }
    }

    fn unwatch(&self, connection: u8) {
        self.home.unwatch(SPACE, ConnectionId::from_bytes([connection; 16]));
    }
}

fn cursor(number: u64) -> Cursor {
    Cursor::new(number).unwrap()
}

async fn native(dial: Dial) -> Peer {
    let mut peer = dial.accept();
    peer.shake(&["idem"]).await;
    peer
}

/// Entry of a request: space, since, chain, token.
type Entry = (SpaceId, u64, Option<String>, Option<String>);

struct Request {
    id: String,
    entries: Vec<Entry>,
}

/// Next `subscribe` of the server.
async fn subscribe(peer: &mut Peer) -> Request {
    let (id, method, params) = peer.message().await;
    assert_eq!(method, "subscribe");
    let params = SubscribeParams::decode(&params).unwrap();
    let entries = params.spaces.iter().map(|entry| {
        let text = |text: Option<&str>| text.map(str::to_owned);
        (entry.id.parse().unwrap(), entry.since, text(entry.ucan), text(entry.token))
    });
    Request { id: id.unwrap(), entries: entries.collect() }
}

fn accepted(at: u64, (token, expires_at): (String, Timestamp)) -> SubscribeResult<'static> {
    let token: &'static str = token.leak();
    let state = SpaceState {
        id: "07070707-0707-0707-0707-070707070707",
        cursor: cursor(at),
        key_generation: Epoch::FIRST,
        rewrap_epoch: None,
        token: Some(token),
        token_expires: Some(expires_at.unix_seconds()),
        peers: Vec::new(),
    };
    SubscribeResult { spaces: vec![state], errors: Vec::new() }
}

fn rejected(code: &'static str) -> SubscribeResult<'static> {
    let error = SpaceError { space: "07070707-0707-0707-0707-070707070707", error: code };
    SubscribeResult { spaces: Vec::new(), errors: vec![error] }
}

fn sync(space: SpaceId, prev: u64, at: u64) -> Sync<'static> {
    let (prev, cursor, key_generation) = (cursor(prev), cursor(at), Epoch::FIRST);
    Sync { space, prev, cursor, key_generation, rewrap_epoch: None, records: Vec::new() }
}

const DAY: Duration = Duration::from_hours(24);

/// C26, federation P-3, federation §12.5: a message on the link becomes one event, with the same bytes.
#[tokio::test]
async fn c26_events_of_the_home_are_passed_on_unchanged() {
    let (watching, peer) = Watching::subscribed(DAY).await;
    peer.notify("sync", &sync(SPACE, 10, 11)).await;
    let membership = MembershipEvent { space: SPACE, cursor: cursor(12), entries: Vec::new() };
    peer.notify("membership", &membership).await;
    peer.notify("file", &FileEvent { space: SPACE, cursor: cursor(13), files: Vec::new() }).await;
    settle().await;
    let expected = [Told::Changed(10, 11), Told::Changed(11, 12), Told::Changed(12, 13)];
    assert_eq!(watching.until_told().await, expected);
    let frame = frame::notification("sync", &sync(SPACE, 10, 11));
    assert_eq!(watching.events.frames.lock()[0], frame);
}

/// INV-4, TH-10, T-410: notifications about other spaces reach nobody, whatever they are.
#[tokio::test]
async fn inv_4_events_of_other_spaces_are_dropped() {
    let (watching, mut peer) = Watching::subscribed(DAY).await;
    peer.notify("sync", &sync(OTHER, 0, 1)).await;
    peer.notify("sync", &sync(OTHER, 1, 1)).await;
    peer.notify("membership", &MembershipEvent { space: OTHER, cursor: cursor(1), entries: Vec::new() })
        .await;
    peer.notify("file", &FileEvent { space: OTHER, cursor: cursor(1), files: Vec::new() }).await;
    for reason in [UCAN_REVOKED, MEMBERSHIP_REMOVED, TRUST_REVOKED, "other"] {
        peer.notify("revoked", &Revoked { space: OTHER, reason }).await;
    }
    peer.notify("resubscribe", &Resubscribe { spaces: vec![OTHER] }).await;
    peer.notify("presence", &sync(SPACE, 0, 1)).await;
    peer.notify("sync", &Resubscribe { spaces: vec![SPACE] }).await;
    settle().await;
    assert_eq!(watching.told(), []);
    // The link and the subscription live on.
    peer.notify("sync", &sync(SPACE, 10, 11)).await;
    assert_eq!(watching.until_told().await, [Told::Changed(10, 11)]);
    let outbound = watching.fixture.outbound.clone();
    let mut registry = less_sync_metrics::Registry::default();
    outbound.register_metrics(&mut registry);
    let foreign = "federation_foreign_events_total{peer=\"b.example\"} 9";
    assert!(registry.render().lines().any(|line| line == foreign), "{}", registry.render());
    watching.unwatch(1);
    watching.pass(&peer, Duration::from_secs(61)).await;
    assert_eq!(peer.message().await.1, "unsubscribe");
    // Without an interest nothing is passed on any more.
    peer.notify("sync", &sync(SPACE, 11, 12)).await;
    settle().await;
    assert_eq!(watching.told(), []);
}

/// CU-2, CU-5, C28, FM-3: after the loss of the link the server subscribes with its token, from the delivered cursor.
#[tokio::test]
async fn cu_2_lost_subscription_is_renewed_by_its_token() {
    let (watching, peer) = Watching::subscribed(DAY).await;
    peer.notify("sync", &sync(SPACE, 10, 11)).await;
    watching.until_told().await;
    peer.lose().await;
    settle().await;
    watching.fixture.pass(Duration::from_secs(2)).await;
    // A dial that fails is followed by another one, without any call.
    watching.fixture.dial().await.reject(503);
    settle().await;
    watching.fixture.pass(Duration::from_secs(5)).await;
    let mut peer = native(watching.fixture.dial().await).await;
    let request = subscribe(&mut peer).await;
    assert_eq!(request.entries, [(SPACE, 11, None, Some("token-1".to_owned()))]);
    // The missed events come before the answer; compaction has removed the records of others.
    peer.notify("sync", &sync(SPACE, 11, 14)).await;
    peer.notify("membership", &MembershipEvent { space: SPACE, cursor: cursor(17), entries: Vec::new() })
        .await;
    peer.respond_with(&request.id, &accepted(17, watching.token(2, DAY))).await;
    settle().await;
    assert_eq!(watching.until_told().await, [Told::Changed(11, 14), Told::Changed(14, 17)]);
}

/// Params of the next pull at the home: its id, and its lower bound.
async fn pulled(peer: &mut Peer) -> (String, u64) {
    let (id, params) = peer.expect("pull").await;
    let params = PullParams::decode(&params).unwrap();
    let [entry] = &params.spaces[..] else { panic!("{params:?}") };
    assert_eq!(entry.ucan, Some("ucan-1"));
    (id, entry.since)
}

/// CU-4: events that cannot be read from the home are left to the clients, after two attempts.
#[tokio::test]
async fn cu_4_difference_that_cannot_be_read_becomes_a_pull_hint() {
    let (watching, peer) = Watching::subscribed(DAY).await;
    peer.lose().await;
    settle().await;
    watching.fixture.pass(Duration::from_secs(2)).await;
    let mut peer = native(watching.fixture.dial().await).await;
    let request = subscribe(&mut peer).await;
    peer.respond_with(&request.id, &accepted(900, watching.token(2, DAY))).await;
    for _ in 0..2 {
        let (id, since) = pulled(&mut peer).await;
        assert_eq!(since, 10);
        peer.reject(&id, ErrorCode::Internal).await;
    }
    assert_eq!(watching.until_told().await, [Told::Hint(900)]);
    // A pull hint of the home for the same, and one for more.
    peer.notify("sync", &sync(SPACE, 900, 900)).await;
    peer.notify("sync", &sync(SPACE, 950, 950)).await;
    for _ in 0..2 {
        let (id, since) = pulled(&mut peer).await;
        assert_eq!(since, 900);
        peer.reject(&id, ErrorCode::RateLimited).await;
    }
    assert_eq!(watching.until_told().await, [Told::Hint(950)]);
}

/// CU-6, C30, T-303: a subscription during an outage fails at once, and is made up for without the client.
#[tokio::test]
async fn cu_6_interest_outlives_an_outage() {
    let watching = Watching::new().await;
    let watch = watching.watch(1, 4, DAY);
    watching.fixture.dial().await.reject(503);
    let outcomes = within("the outcome", watch).await.unwrap();
    assert_eq!(outcomes, [Err(HomeError::Unavailable)]);
    *watching.events.delivered.lock() = Some(0);
    // The interest waits for the end of a call that was under way, at the longest.
    watching.fixture.pass(Duration::from_secs(31)).await;
    let mut peer = native(watching.fixture.dial().await).await;
    let request = subscribe(&mut peer).await;
    assert_eq!(request.entries, [(SPACE, 0, Some("ucan-1".to_owned()), None)]);
    peer.respond_with(&request.id, &accepted(10, watching.token(1, DAY))).await;
    assert_eq!(watching.until_told().await, [Told::Hint(10)]);
}

/// CU-7, C23: an announced end is renewed by the chain with the latest expiry.
#[tokio::test]
async fn cu_7_subscription_is_renewed_by_a_chain_before_its_end() {
    let (watching, mut peer) = Watching::subscribed(Duration::from_hours(1)).await;
    let second = watching.watch(2, 0, Duration::from_hours(48));
    let request = subscribe(&mut peer).await;
    assert_eq!(request.entries, [(SPACE, 10, Some("ucan-2".to_owned()), None)], "the delivered cursor");
    peer.respond_with(&request.id, &accepted(10, watching.token(2, Duration::from_hours(1)))).await;
    within("the outcome", second).await.unwrap()[0].clone().unwrap();
    peer.notify("resubscribe", &Resubscribe { spaces: vec![SPACE] }).await;
    let request = subscribe(&mut peer).await;
    assert_eq!(request.entries, [(SPACE, 10, Some("ucan-2".to_owned()), None)]);
    peer.respond_with(&request.id, &accepted(10, watching.token(3, Duration::from_hours(1)))).await;
    settle().await;
    // Ten minutes before the end of the token, without an announcement.
    watching.pass(&peer, Duration::from_mins(51)).await;
    let request = subscribe(&mut peer).await;
    assert_eq!(request.entries, [(SPACE, 10, Some("ucan-2".to_owned()), None)]);
    assert_eq!(watching.told(), []);
}

/// CU-7, FM-22: without a chain that outlives the token the clients are requested, and after a minute the subscription lapses.
#[tokio::test]
async fn fm_22_subscription_without_a_chain_lapses() {
    let (watching, peer) = Watching::subscribed(DAY).await;
    peer.notify("resubscribe", &Resubscribe { spaces: vec![SPACE] }).await;
    assert_eq!(watching.until_told().await, [Told::Resubscribe]);
    watching.fixture.pass(Duration::from_secs(61)).await;
    let lapsed = "federation_interests{peer=\"b.example\",state=\"lapsed\"} 1";
    let mut registry = less_sync_metrics::Registry::default();
    watching.fixture.outbound.register_metrics(&mut registry);
    assert!(registry.render().lines().any(|line| line == lapsed), "{}", registry.render());
    // A client that subscribes again brings everything back.
    let mut peer = peer;
    let watch = watching.watch(1, 10, Duration::from_hours(48));
    let request = subscribe(&mut peer).await;
    peer.respond_with(&request.id, &accepted(10, watching.token(2, Duration::from_hours(48)))).await;
    within("the outcome", watch).await.unwrap()[0].clone().unwrap();
    assert_eq!(watching.until_told().await, [Told::Hint(10)]);
    assert!(!registry.render().lines().any(|line| line == lapsed));
}

/// CU-9, FM-21, FM-13, INV-3: a rejected token is replaced by the chains; only when the home rejects all of them, the clients are
/// told to look for themselves, and the server stops.
#[tokio::test]
async fn cu_9_rejected_token_is_replaced_by_chains() {
    let (watching, peer) = Watching::subscribed(DAY).await;
    peer.lose().await;
    settle().await;
    watching.fixture.pass(Duration::from_secs(2)).await;
    let mut peer = native(watching.fixture.dial().await).await;
    let by_token = subscribe(&mut peer).await;
    assert_eq!(by_token.entries[0].3.as_deref(), Some("token-1"));
    peer.respond_with(&by_token.id, &rejected("forbidden")).await;
    let by_chain = subscribe(&mut peer).await;
    assert_eq!(by_chain.entries, [(SPACE, 10, Some("ucan-1".to_owned()), None)]);
    assert_eq!(watching.told(), []);
    peer.respond_with(&by_chain.id, &rejected("forbidden")).await;
    assert_eq!(watching.until_told().await, [Told::Revoked]);
    watching.pass(&peer, Duration::from_mins(1)).await;
    watching.unwatch(1);
    watching.pass(&peer, Duration::from_secs(61)).await;
    assert_eq!(peer.message().await.1, "unsubscribe", "no attempt in between");
}

/// Federation §12.7, FM-12, C29: a home whose history is shorter is followed, and the clients get its cursor.
#[tokio::test]
async fn fm_12_rollback_of_the_home_is_passed_on() {
    for is_reported in [true, false] {
        let (watching, peer) = Watching::subscribed(DAY).await;
        peer.lose().await;
        settle().await;
        watching.fixture.pass(Duration::from_secs(2)).await;
        let mut peer = native(watching.fixture.dial().await).await;
        let mut request = subscribe(&mut peer).await;
        if is_reported {
            peer.respond_with(&request.id, &rejected("cursor_ahead")).await;
            request = subscribe(&mut peer).await;
            assert_eq!(request.entries[0].1, 0);
        }
        peer.respond_with(&request.id, &accepted(6, watching.token(2, DAY))).await;
        assert_eq!(watching.until_told().await, [Told::Rewound(6)]);
        peer.notify("sync", &sync(SPACE, 6, 7)).await;
        assert_eq!(watching.until_told().await, [Told::Changed(6, 7)]);
    }
}

/// Federation §12.7: a client that is ahead of the home on its first subscription is no rollback.
#[tokio::test]
async fn client_ahead_of_the_home_is_subscribed_from_zero() {
    let watching = Watching::new().await;
    let watch = watching.watch(1, 99, DAY);
    let mut peer = native(watching.fixture.dial().await).await;
    let request = subscribe(&mut peer).await;
    peer.respond_with(&request.id, &rejected("cursor_ahead")).await;
    let request = subscribe(&mut peer).await;
    assert_eq!(request.entries[0].1, 0);
    peer.respond_with(&request.id, &accepted(10, watching.token(1, DAY))).await;
    assert_eq!(within("the outcome", watch).await.unwrap()[0].clone().unwrap().cursor, cursor(10));
    assert_eq!(watching.told(), []);
}

/// Federation §12.5 row 4: a revocation is passed on and changes nothing; the loss of the last member is verified with the chains;
/// the end of trust reaches no client.
#[tokio::test]
async fn revocations_have_their_reactions() {
    let (watching, mut peer) = Watching::subscribed(DAY).await;
    peer.notify("revoked", &Revoked { space: SPACE, reason: UCAN_REVOKED }).await;
    assert_eq!(watching.until_told().await, [Told::Revoked]);
    peer.notify("revoked", &Revoked { space: SPACE, reason: MEMBERSHIP_REMOVED }).await;
    let request = subscribe(&mut peer).await;
    assert_eq!(request.entries, [(SPACE, 10, Some("ucan-1".to_owned()), None)], "the token is gone");
    peer.respond_with(&request.id, &accepted(10, watching.token(2, DAY))).await;
    assert_eq!(watching.until_told().await, [Told::Revoked]);
    peer.notify("revoked", &Revoked { space: SPACE, reason: TRUST_REVOKED }).await;
    settle().await;
    assert_eq!(watching.told(), []);
}

/// Federation §5.5, FM-16, INV-7: with trust the credentials end, and no client is told; trust that returns asks the clients.
#[tokio::test]
async fn fm_16_credentials_end_with_trust() {
    let (watching, mut peer) = Watching::subscribed(DAY).await;
    watching.fixture.reload("");
    assert_eq!(peer.close().await.0, 1000);
    watching.fixture.pass(Duration::from_mins(2)).await;
    assert_eq!(watching.told(), []);
    let watch = watching.watch(1, 10, DAY);
    assert_eq!(within("the outcome", watch).await.unwrap(), [Err(HomeError::Untrusted)]);
    let watch = watching.watch(2, 10, DAY);
    assert_eq!(within("the outcome", watch).await.unwrap(), [Err(HomeError::Untrusted)]);
    assert!(watching.fixture.has_not_dialled().await);
}

/// Federation §12.4, §22: the subscription outlives its last connection by a minute, and a link without one is not needed.
#[tokio::test]
async fn unsubscribe_follows_the_last_connection_after_a_minute() {
    let (watching, mut peer) = Watching::subscribed(DAY).await;
    watching.unwatch(1);
    watching.pass(&peer, Duration::from_secs(50)).await;
    let watch = watching.watch(2, 10, DAY);
    let request = subscribe(&mut peer).await;
    peer.respond_with(&request.id, &accepted(10, watching.token(2, DAY))).await;
    within("the outcome", watch).await.unwrap()[0].clone().unwrap();
    watching.pass(&peer, Duration::from_secs(20)).await;
    watching.unwatch(2);
    watching.pass(&peer, Duration::from_secs(61)).await;
    let (id, method, params) = peer.message().await;
    assert_eq!((id, method.as_str()), (None, "unsubscribe"));
    assert_eq!(UnsubscribeParams::decode(&params).unwrap().spaces, [SPACE.to_string()]);
}

/// PM-13: a link with an interest is not idle.
#[tokio::test]
async fn pm_13_link_with_an_interest_stays() {
    let (watching, peer) = Watching::subscribed(DAY).await;
    watching.pass(&peer, Duration::from_mins(10)).await;
    assert_eq!(watching.fixture.outbound.open_links(), 1);
    watching.fixture.reload(TRUSTED);
    assert_eq!(watching.fixture.outbound.open_links(), 1);
}

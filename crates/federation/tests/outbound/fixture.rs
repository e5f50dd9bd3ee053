//! Outbound links with doubles of everything below them, and the other end of their sockets.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use less_sync_auth::federation::SigningKey;
use less_sync_auth::federation::key_set::KidForm;
use less_sync_core::cbor::Encode;
use less_sync_core::frame::{self, Inbound};
use less_sync_core::wire::Empty;
use less_sync_core::wire::federation::{FED_HELLO, FedHello};
use less_sync_core::{ErrorCode, PeerId, SpaceId};
use less_sync_engine::{HomeError, HomeHandle, Job, Random, RelayedBody, SpaceRouter as _, Spawner};
use less_sync_federation::fetch::{Fetch, FetchError, Fetched, Fetcher};
use less_sync_federation::outbound::dialer::{
    DialFailure, DialRequest, Dialer, LinkReader, LinkSocket, LinkWriter, Received, Sent, SocketLost,
};
use less_sync_federation::outbound::timing::OutboundTiming;
use less_sync_federation::outbound::transfers::{NoResponse, TransferRequest, TransferResponse, Transfers};
use less_sync_federation::outbound::{
    HomeRouter, HomeStore, Outbound, OutboundCall, OutboundDeps, OutboundSettings, Repeat,
};
use less_sync_federation::own_keys::OwnKeys;
use less_sync_federation::trust::{TrustSource, TrustStore};
use less_sync_storage::{
    AddedKey, DatabaseTime, FederationKey, FederationKeyError, FederationKeys, KeyPlacement,
    NewFederationKey, StorageError, StoredSeed,
};
use less_sync_test_support::{ManualClock, within};
use tempfile::NamedTempFile;
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::unused_ports::{NoEvents, NoStore};

/// The peer of the tests.
pub(crate) const PEER: &str = "b.example";

/// Entry of the peer in the peers file.
pub(crate) const TRUSTED: &str = "[[peer]]\ndomain = \"b.example\"\nws_url = \"wss://b.example/ws\"\n";

/// A server that dials.
pub(crate) struct Fixture {
    pub(crate) outbound: Arc<Outbound>,
    pub(crate) clock: ManualClock,
    pub(crate) trust: Arc<TrustStore>,
    dials: Mutex<mpsc::Receiver<Dial>>,
    exchanges: Mutex<mpsc::Receiver<Exchange>>,
    file: NamedTempFile,
}

impl Fixture {
    /// A server that trusts [`PEER`].
    pub(crate) async fn new() -> Self {
        Self::with(TRUSTED).await
    }

    /// A server with these peers.
    pub(crate) async fn with(peers: &str) -> Self {
        let mut file = NamedTempFile::new().unwrap();
        write!(file, "version = 1\n{peers}").unwrap();
        let source = TrustSource { file: Some(file.path().to_owned()), ..TrustSource::default() };
        let trust = Arc::new(TrustStore::load(source).unwrap());
        let own_keys = OwnKeys::load(Arc::new(OneKey), None, KidForm::Full).await.unwrap();
        let (sender, dials) = mpsc::channel(16);
        let (exchange, exchanges) = mpsc::channel(16);
        let clock = ManualClock::new();
        let deps = OutboundDeps {
            trust: trust.clone(),
            own_keys: Arc::new(own_keys),
            dialer: Arc::new(ChannelDialer(sender)),
            transfers: Arc::new(ChannelTransfers(exchange)),
            fetcher: Arc::new(NoDocuments),
            clock: Arc::new(clock.clone()),
            spawner: Arc::new(Tasks),
            random: Arc::new(|| 1_u128 << 127),
            timing: Arc::new(OutboundTiming::default()),
        };
        let outbound = Outbound::new(deps, OutboundSettings::default());
        Self { outbound, clock, trust, dials: Mutex::new(dials), exchanges: Mutex::new(exchanges), file }
    }

    /// Replaces the peers file, and applies it.
    pub(crate) fn reload(&self, peers: &str) {
        std::fs::write(self.file.path(), format!("version = 1\n{peers}")).unwrap();
        self.trust.reload();
        self.outbound.enforce_trust();
    }

    /// Starts a call.
    pub(crate) fn call(&self, call: OutboundCall) -> JoinHandle<Result<Bytes, HomeError>> {
        let outbound = self.outbound.clone();
        start(async move { outbound.call(&PEER.parse::<PeerId>().unwrap(), call).await })
    }

    /// Next dial of the server.
    pub(crate) async fn dial(&self) -> Dial {
        within("a dial", self.dials.lock().await.recv()).await.unwrap()
    }

    /// Next request for a file.
    pub(crate) async fn transfer(&self) -> Exchange {
        within("a request for a file", self.exchanges.lock().await.recv()).await.unwrap()
    }

    /// Returns true when no dial is waiting.
    pub(crate) async fn has_not_dialled(&self) -> bool {
        settle().await;
        self.dials.lock().await.is_empty()
    }

    /// The peer as the home server of a space.
    pub(crate) fn home(&self) -> HomeHandle {
        let random: Arc<dyn Random> = Arc::new(|| 1_u128);
        let store = HomeStore { routes: Arc::new(NoStore), hints: Arc::new(NoStore) };
        let router = HomeRouter::new(self.outbound.clone(), random, store, Arc::new(NoEvents));
        router.home(SpaceId::from_bytes([7; 16]), PEER).unwrap()
    }

    /// Starts a call and brings the link up for it; the request of the call is the next one of the peer.
    pub(crate) async fn up(&self, call: OutboundCall) -> (Peer, JoinHandle<Result<Bytes, HomeError>>) {
        let call = self.call(call);
        let mut peer = self.dial().await.accept();
        peer.shake(&["idem"]).await;
        (peer, call)
    }

    /// Moves the time on, in steps that let timers be set anew.
    pub(crate) async fn pass(&self, time: Duration) {
        let step = Duration::from_secs(5);
        let mut left = time;
        settle().await;
        while !left.is_zero() {
            let now = left.min(step);
            self.clock.advance(now);
            left -= now;
            settle().await;
        }
    }
}

/// Lets all tasks react to what has happened.
pub(crate) async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

/// A call of `method` with empty params.
pub(crate) fn request(method: &'static str, repeat: Repeat) -> OutboundCall {
    let mut params = Vec::new();
    Empty.encode(&mut params);
    OutboundCall { method, params: params.into(), timeout: Duration::from_secs(20), repeat, feature: None }
}

/// A dial that waits for its outcome.
pub(crate) struct Dial {
    pub(crate) request: DialRequest,
    reply: oneshot::Sender<Result<LinkSocket, DialFailure>>,
}

impl Dial {
    /// Value of a header of the upgrade.
    pub(crate) fn header(&self, name: &str) -> &str {
        let found = self.request.headers.iter().find(|(header, _)| header.as_str() == name);
        found.unwrap().1.to_str().unwrap()
    }

    /// Responds with a status.
    pub(crate) fn reject(self, status: u16) {
        self.fail(DialFailure::Rejected { status, retry_after: None, date: None });
    }

    pub(crate) fn fail(self, failure: DialFailure) {
        assert!(self.reply.send(Err(failure)).is_ok());
    }

    /// Responds with 101.
    pub(crate) fn accept(self) -> Peer {
        self.accept_with(Some("less-rpc-v1"))
    }

    pub(crate) fn accept_with(self, subprotocol: Option<&str>) -> Peer {
        let (to_peer, from_server) = mpsc::channel(64);
        let (to_server, from_peer) = mpsc::channel(64);
        let socket = LinkSocket {
            reader: Box::new(Reader(from_peer)),
            writer: Box::new(Writer(to_peer)),
            subprotocol: subprotocol.map(str::to_owned),
        };
        assert!(self.reply.send(Ok(socket)).is_ok());
        Peer { from_server, to_server }
    }
}

/// The peer's end of a link.
pub(crate) struct Peer {
    from_server: mpsc::Receiver<Sent>,
    to_server: mpsc::Sender<Received>,
}

impl Peer {
    /// Next output of the server; `None` after its last one.
    pub(crate) async fn next(&mut self) -> Option<Sent> {
        within("output", self.from_server.recv()).await
    }

    /// Next request: its id and method. Keepalives and Pings before it are skipped.
    pub(crate) async fn request(&mut self) -> (String, String) {
        loop {
            match self.next().await {
                Some(Sent::Ping) => {}
                Some(Sent::Message(message)) => {
                    if let Inbound::Request { id, method, .. } = frame::parse(&message).unwrap() {
                        return (id.to_owned(), method.to_owned());
                    }
                }
                other => panic!("{other:?} instead of a request"),
            }
        }
    }

    /// Next request or notification: its id, empty for a notification, and its params. It must be of `method`.
    pub(crate) async fn expect(&mut self, method: &str) -> (String, Bytes) {
        loop {
            let message = match self.next().await {
                Some(Sent::Message(message)) => message,
                Some(Sent::Ping) => continue,
                other => panic!("{other:?} instead of {method}"),
            };
            let (id, name, params) = match frame::parse(&message).unwrap() {
                Inbound::Request { id, method, params } => (id, method, params),
                Inbound::Notification { method, params } => ("", method, params),
                Inbound::Keepalive | Inbound::Ignored => continue,
            };
            assert_eq!(name, method);
            return (id.to_owned(), message.slice_ref(params.raw().unwrap()));
        }
    }

    /// Sends a chunk.
    pub(crate) async fn chunk(&self, id: &str, name: &str, data: &impl Encode) {
        let mut out = Vec::new();
        frame::write_chunk(&mut out, id, name, data);
        self.send(Received::Message(out.into())).await;
    }

    /// Next request or notification: its id, if any, its method and its encoded params.
    pub(crate) async fn message(&mut self) -> (Option<String>, String, Bytes) {
        loop {
            match self.next().await {
                Some(Sent::Ping) => {}
                Some(Sent::Message(message)) => {
                    let (id, method, params) = match frame::parse(&message).unwrap() {
                        Inbound::Request { id, method, params } => (Some(id.to_owned()), method, params),
                        Inbound::Notification { method, params } => (None, method, params),
                        Inbound::Keepalive | Inbound::Ignored => continue,
                    };
                    let params = params.raw().map_or_else(Bytes::new, |raw| message.slice_ref(raw));
                    return (id, method.to_owned(), params);
                }
                other => panic!("{other:?} instead of a message"),
            }
        }
    }

    /// Responds with a result.
    pub(crate) async fn respond_with(&self, id: &str, result: &impl Encode) {
        self.send(Received::Message(frame::response(id, result))).await;
    }

    /// Sends a notification.
    pub(crate) async fn notify(&self, method: &str, params: &impl Encode) {
        self.send(Received::Message(frame::notification(method, params))).await;
    }

    /// The close frame, after any requests.
    pub(crate) async fn close(&mut self) -> (u16, &'static str) {
        loop {
            match self.next().await {
                Some(Sent::Close(code, reason)) => return (code, reason),
                Some(_) => {}
                None => panic!("the link ended without a close frame"),
            }
        }
    }

    pub(crate) async fn send(&self, received: Received) {
        // Fails when the server has ended the link.
        let _ = self.to_server.send(received).await;
    }

    /// Responds with an empty result.
    pub(crate) async fn respond(&self, id: &str) {
        self.send(Received::Message(frame::response(id, &Empty))).await;
    }

    /// Responds with an error.
    pub(crate) async fn reject(&self, id: &str, code: ErrorCode) {
        self.send(Received::Message(frame::error(id, code, "text"))).await;
    }

    /// Responds to the handshake as a native peer with these features.
    pub(crate) async fn shake(&mut self, features: &[&str]) {
        self.shake_as(PEER, features, 1 << 20).await;
    }

    pub(crate) async fn shake_as(&mut self, server: &str, features: &[&str], max_frame: i64) {
        let (id, method) = self.request().await;
        assert_eq!(method, FED_HELLO);
        let hello = FedHello {
            v: 1,
            server,
            features: features.to_vec(),
            max_frame,
            max_inflight: 32,
            time: 0,
            link: Some("link"),
        };
        self.send(Received::Message(frame::response(&id, &hello))).await;
    }

    /// Responds to the handshake as an original server.
    pub(crate) async fn shake_as_original(&mut self) {
        let (id, method) = self.request().await;
        assert_eq!(method, FED_HELLO);
        self.reject(&id, ErrorCode::MethodNotFound).await;
    }

    pub(crate) async fn lose(self) {
        self.send(Received::Lost).await;
    }
}

struct Reader(mpsc::Receiver<Received>);

#[async_trait]
impl LinkReader for Reader {
    async fn next(&mut self) -> Received {
        match self.0.recv().await {
            Some(received) => received,
            None => Received::Lost,
        }
    }
}

struct Writer(mpsc::Sender<Sent>);

#[async_trait]
impl LinkWriter for Writer {
    async fn send(&mut self, output: Sent) -> Result<(), SocketLost> {
        self.0.send(output).await.map_err(|_| SocketLost)
    }
}

struct ChannelDialer(mpsc::Sender<Dial>);

#[async_trait]
impl Dialer for ChannelDialer {
    async fn dial(&self, request: &DialRequest) -> Result<LinkSocket, DialFailure> {
        let (reply, outcome) = oneshot::channel();
        let dial = Dial { request: request.clone(), reply };
        let lost = |_| DialFailure::Unreachable("the test is over".into());
        self.0.send(dial).await.map_err(|_| DialFailure::Unreachable("the test is over".into()))?;
        outcome.await.map_err(lost)?
    }
}

/// A request for a file that waits for its response.
pub(crate) struct Exchange {
    request: TransferRequest,
    reply: oneshot::Sender<Result<TransferResponse, NoResponse>>,
}

impl Exchange {
    pub(crate) fn request(&self) -> &TransferRequest {
        &self.request
    }

    /// The body of an upload.
    pub(crate) fn body(&mut self) -> RelayedBody {
        self.request.body.take().unwrap()
    }

    pub(crate) fn reply(self, reply: Result<TransferResponse, NoResponse>) {
        assert!(self.reply.send(reply).is_ok());
    }
}

struct ChannelTransfers(mpsc::Sender<Exchange>);

#[async_trait]
impl Transfers for ChannelTransfers {
    async fn send(&self, request: TransferRequest) -> Result<TransferResponse, NoResponse> {
        let (reply, outcome) = oneshot::channel();
        self.0.send(Exchange { request, reply }).await.map_err(|_| NoResponse)?;
        outcome.await.unwrap_or(Err(NoResponse))
    }
}

struct NoDocuments;

#[async_trait]
impl Fetcher for NoDocuments {
    async fn fetch(&self, _fetch: &Fetch) -> Result<Fetched, FetchError> {
        Err(FetchError::TimedOut)
    }
}

struct Tasks;

impl Spawner for Tasks {
    fn spawn(&self, _name: &'static str, job: Job) {
        drop(start(job));
    }

    fn spawn_to_completion(&self, _name: &'static str, job: Job) {
        drop(start(job));
    }
}

#[expect(clippy::disallowed_methods, reason = "tasks of a test end with its runtime")]
pub(crate) fn start<T: Send + 'static>(task: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
    tokio::spawn(task)
}

/// Storage with one signing key.
struct OneKey;

#[async_trait]
impl FederationKeys for OneKey {
    async fn add_key(
        &self,
        _key: &NewFederationKey,
        _placement: &KeyPlacement,
    ) -> Result<AddedKey, FederationKeyError> {
        Ok(AddedKey::Unchanged)
    }

    async fn promote_key(&self, _kid: &str, _minimum_age: Duration) -> Result<(), FederationKeyError> {
        Ok(())
    }

    async fn deactivate_key(&self, _kid: &str, _force: bool) -> Result<(), FederationKeyError> {
        Ok(())
    }

    async fn federation_keys(&self) -> Result<Vec<FederationKey>, StorageError> {
        let key = FederationKey {
            kid: "https://a.example/.well-known/jwks.json#fed-1".to_owned(),
            seed: StoredSeed::new(vec![7; 32]),
            public: SigningKey::from_seed(&[7; 32]).public().as_bytes().to_vec(),
            created_at: DatabaseTime::from_micros(0),
            is_active: true,
            is_primary: true,
            deactivated_at: None,
        };
        Ok(vec![key])
    }

    async fn delete_inactive_keys(&self, _age: Duration) -> Result<u64, StorageError> {
        Ok(0)
    }
}

//! Keys of peers that publish them: lookup, cache and bounds (federation §6.3).

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use http::{StatusCode, header};
use less_sync_auth::federation::key_set::{KidForm, key_set_document};
use less_sync_test_support::{TestServer, TestServerBuilder, within};
use parking_lot::Mutex;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::fixture::Peer;

/// Response of the fake peer.
#[derive(Clone, Debug)]
enum Behaviour {
    Body(Vec<u8>),
    Status(StatusCode),
    Redirect(String),
}

/// HTTP server of a peer at a loopback address of its own.
struct FakePeer {
    address: SocketAddr,
    shared: Arc<Shared>,
    _stop: DropGuard,
}

struct Shared {
    behaviour: Mutex<Behaviour>,
    requests: AtomicUsize,
}

async fn respond(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    if request.uri().path() != "/.well-known/jwks.json" {
        return StatusCode::NOT_FOUND.into_response();
    }
    shared.requests.fetch_add(1, Ordering::SeqCst);
    match shared.behaviour.lock().clone() {
        Behaviour::Body(body) => body.into_response(),
        Behaviour::Status(status) => status.into_response(),
        Behaviour::Redirect(to) => (StatusCode::FOUND, [(header::LOCATION, to)]).into_response(),
    }
}

impl FakePeer {
    async fn start(host: &str, behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind((host, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared { behaviour: Mutex::new(behaviour), requests: AtomicUsize::new(0) });
        let router = Router::new().fallback(respond).with_state(shared.clone());
        let stop = CancellationToken::new();
        let stopped = stop.clone().cancelled_owned();
        #[expect(clippy::disallowed_methods, reason = "the server ends with the test")]
        tokio::spawn(async move { axum::serve(listener, router).with_graceful_shutdown(stopped).await });
        Self { address, shared, _stop: stop.drop_guard() }
    }

    fn behave(&self, behaviour: Behaviour) {
        *self.shared.behaviour.lock() = behaviour;
    }

    fn requests(&self) -> usize {
        self.shared.requests.load(Ordering::SeqCst)
    }

    fn key_set_url(&self) -> String {
        format!("http://{}/.well-known/jwks.json", self.address)
    }

    /// Server with a peers file whose only peer is this one, with more lines.
    async fn trusted_by(&self, lines: &str) -> (TestServer, TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("peers.toml");
        std::fs::write(
            &file,
            format!("version = 1\n[[peer]]\ndomain = \"{}\"\n{lines}\n", self.address.ip()),
        )
        .unwrap();
        (builder().setting("FEDERATION_PEERS_FILE", file.to_str().unwrap()).start().await, folder)
    }
}

fn builder() -> TestServerBuilder {
    TestServer::builder().manual_clock().setting("FEDERATION_MAX_CONNECTIONS", "100")
}

fn published(keys: &[&Peer]) -> Behaviour {
    let keys: Vec<_> = keys.iter().map(|peer| (peer.key_id.clone(), peer.key.public())).collect();
    Behaviour::Body(key_set_document(&keys, KidForm::Full))
}

fn renamed(peer: Peer, fragment: &str) -> Peer {
    let key_id = peer.key_id.as_str().replace("#fed-1", &format!("#{fragment}"));
    Peer { key_id: key_id.parse().unwrap(), ..peer }
}

/// Status of an upgrade, while the delays of retries pass.
async fn status(server: &TestServer, peer: &Peer) -> u16 {
    let upgrade = peer.upgrade(server);
    while_time_passes(server, async { upgrade.send(server.address()).await.0.status }).await
}

async fn while_time_passes<T>(server: &TestServer, future: impl Future<Output = T>) -> T {
    let mut future = Box::pin(future);
    within("an upgrade", async {
        loop {
            // Time moves only when nothing happens in the real one.
            if let Ok(done) = tokio::time::timeout(Duration::from_millis(50), &mut future).await {
                break done;
            }
            server.clock().advance(Duration::from_secs(1));
        }
    })
    .await
}

/// Federation KY-5, KY-6, KY-7: a request per hour, and another one for a new key.
#[tokio::test]
async fn ky_7_published_keys_are_fetched_once_and_again_for_a_new_key() {
    let peer = Peer::new("127.0.0.2", 1);
    let fake = FakePeer::start("127.0.0.2", published(&[&peer])).await;
    let (server, _file) = fake.trusted_by(&format!("jwks_uri = \"{}\"", fake.key_set_url())).await;
    for _ in 0..3 {
        assert_eq!(status(&server, &peer).await, 101);
    }
    assert_eq!(fake.requests(), 1);
    let next = renamed(Peer::new("127.0.0.2", 2), "fed-2");
    fake.behave(published(&[&peer, &next]));
    assert_eq!(status(&server, &next).await, 401, "within ten seconds of the last request");
    server.clock().advance(Duration::from_secs(10));
    assert_eq!(status(&server, &next).await, 101);
    assert_eq!((status(&server, &peer).await, fake.requests()), (101, 2));
}

/// Federation KY-5, DI-5: without a pinned URL the key set is at the server of the peer.
#[tokio::test]
async fn ky_5_key_set_is_found_by_discovery() {
    let peer = Peer::new("127.0.0.3", 1);
    let fake = FakePeer::start("127.0.0.3", published(&[&peer])).await;
    let ws = format!("ws_url = \"ws://{}/api/v1/federation/ws\"", fake.address);
    let (off, _file) = fake.trusted_by(&ws).await;
    assert_eq!(status(&off, &peer).await, 404, "discovery is off");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("peers.toml");
    std::fs::write(&file, format!("version = 1\n[[peer]]\ndomain = \"127.0.0.3\"\n{ws}\n")).unwrap();
    let server = builder()
        .setting("FEDERATION_PEERS_FILE", file.to_str().unwrap())
        .setting("FEDERATION_KEY_DISCOVERY", "jwks")
        .start()
        .await;
    assert_eq!(status(&server, &peer).await, 101);
}

/// Federation FM-19, T-319: stale keys are accepted for a day.
#[tokio::test]
async fn fm_19_unreachable_key_set_is_used_for_a_day() {
    let peer = Peer::new("127.0.0.4", 1);
    let fake = FakePeer::start("127.0.0.4", published(&[&peer])).await;
    let (server, _file) = fake.trusted_by(&format!("jwks_uri = \"{}\"", fake.key_set_url())).await;
    assert_eq!(status(&server, &peer).await, 101);
    fake.behave(Behaviour::Status(StatusCode::INTERNAL_SERVER_ERROR));
    server.clock().advance(Duration::from_hours(23));
    assert_eq!(status(&server, &peer).await, 101);
    server.clock().advance(Duration::from_hours(2));
    assert_eq!(status(&server, &peer).await, 401);
    fake.behave(published(&[&peer]));
    server.clock().advance(Duration::from_mins(1));
    assert_eq!(status(&server, &peer).await, 101);
}

/// Federation TH-6, T-406.
#[tokio::test]
async fn th_6_poisoned_key_sets_verify_nothing() {
    let peer = Peer::new("127.0.0.5", 1);
    let fake = FakePeer::start("127.0.0.5", published(&[])).await;
    let (server, _file) = fake.trusted_by(&format!("jwks_uri = \"{}\"", fake.key_set_url())).await;
    let Behaviour::Body(mut large) = published(&[&peer]) else { unreachable!() };
    large.splice(1..1, b"\"padding\":\"".iter().copied().chain(vec![b'x'; 1 << 20]).chain(*b"\","));
    let elsewhere = FakePeer::start("127.0.0.5", published(&[&peer])).await;
    let twice = [&peer, &Peer::new("127.0.0.5", 9)];
    let many: Vec<&Peer> = (0..65).map(|_| &peer).collect();
    for behaviour in [
        Behaviour::Body(b"{".to_vec()),
        Behaviour::Body(large),
        Behaviour::Redirect(elsewhere.key_set_url()),
        published(&twice),
        published(&many),
    ] {
        fake.behave(behaviour);
        server.clock().advance(Duration::from_mins(1));
        assert_eq!(status(&server, &peer).await, 401);
    }
    assert_eq!(elsewhere.requests(), 0);
    fake.behave(published(&[&peer]));
    server.clock().advance(Duration::from_mins(1));
    assert_eq!(status(&server, &peer).await, 101);
}

/// Federation TH-5, T-405: neither private addresses nor strangers cause a request.
#[tokio::test]
async fn th_5_private_addresses_and_strangers_cause_no_request() {
    let peer = Peer::new("127.0.0.6", 1);
    let fake = FakePeer::start("127.0.0.6", published(&[&peer])).await;
    let port = fake.address.port();
    let server = builder()
        .setting("FEDERATION_TRUSTED_DOMAINS", &format!("127.0.0.6:{port}, b.example"))
        .setting("FEDERATION_KEY_DISCOVERY", "jwks");
    let server = server.start().await;
    assert_eq!(status(&server, &peer).await, 401);
    let stranger =
        Peer { key_id: format!("http://127.0.0.7:{port}/#k").parse().unwrap(), ..Peer::new("a", 1) };
    assert_eq!(status(&server, &stranger).await, 401);
    assert_eq!(fake.requests(), 0);
}

//! TLS of the listener (operations §11.5).

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use less_sync_app::config::TlsConfig;
use less_sync_app::{Config, Overrides, Server, Sources, Values};
use less_sync_client::{AccessToken, Auth, Change, Connection, Endpoint, Event, Events, Options, Watch};
use less_sync_core::Cursor;
use less_sync_test_support::{Authority, CertificateFiles, LogWatch, TestServer, record_id, within};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

use crate::operation::fixture;
use crate::operation::scrape::Scrape;

/// Server with TLS, and the authority of its certificate.
struct Fixture {
    server: TestServer,
    authority: Authority,
    files: CertificateFiles,
    folder: tempfile::TempDir,
}

impl Fixture {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::new(folder.path());
        let files = authority.issue("server", "localhost");
        let path = |path: &Path| path.display().to_string();
        let server = TestServer::builder()
            .manual_clock()
            .setting("TLS_CERT_FILE", &path(&files.certificate))
            .setting("TLS_KEY_FILE", &path(&files.key))
            .setting("ADMIN_ADDR", "127.0.0.1:0")
            .start()
            .await;
        Self { server, authority, files, folder }
    }

    /// Handshake of a client that trusts the authority.
    async fn handshake(&self) -> std::io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(self.authority.certificate()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config =
            ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let mut config = config.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let tcp = TcpStream::connect(self.server.address()).await.unwrap();
        let name = "localhost".try_into().unwrap();
        within("a handshake", TlsConnector::from(Arc::new(config)).connect(name, tcp)).await
    }

    /// Certificate that new connections get.
    async fn certificate(&self) -> CertificateDer<'static> {
        let stream = self.handshake().await.unwrap();
        stream.get_ref().1.peer_certificates().unwrap()[0].clone().into_owned()
    }

    /// Authenticated WebSocket of `user`.
    async fn connect(&self, user: &str) -> (Connection, Events) {
        let endpoint = Endpoint::from_base("https://localhost/api/v1").unwrap();
        let mut request = endpoint.url().as_str().into_client_request().unwrap();
        let protocol = HeaderValue::from_static("less-rpc-v1");
        request.headers_mut().insert("sec-websocket-protocol", protocol);
        let stream = self.handshake().await.unwrap();
        let (socket, _) = within("the upgrade", Box::pin(client_async(request, stream))).await.unwrap();
        let token = AccessToken::from(self.server.token(user));
        Connection::over(socket, Auth::Token(token), Options::default())
    }

    /// Replaces the files, and waits until a line of the log with `outcome` says what became of them.
    async fn replace(&self, certificate: &[u8], key: &[u8], outcome: &LogWatch) {
        let before = outcome.lines().len();
        fs::write(&self.files.certificate, certificate).unwrap();
        fs::write(&self.files.key, key).unwrap();
        within("a reload", async {
            while outcome.lines().len() == before {
                self.server.clock().advance(Duration::from_secs(1));
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
}

fn content(files: &CertificateFiles) -> (Vec<u8>, Vec<u8>) {
    (fs::read(&files.certificate).unwrap(), fs::read(&files.key).unwrap())
}

#[tokio::test]
async fn websockets_are_served_over_tls_with_http_1_1_only() {
    let fixture = Fixture::new().await;
    let stream = fixture.handshake().await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    let (alice, _events) = Box::pin(fixture.connect("alice")).await;
    let space = fixture.server.space_id("alice");
    let id = record_id(1).parse().unwrap();
    let cursor = within("a push", alice.push(space, &[Change::create(id, "encrypted twice")])).await.unwrap();
    assert_eq!(cursor.get(), 1);
    let scrape = Scrape::of(&fixture.server).await;
    assert_eq!(scrape.value("tls_handshakes_total{outcome=\"ok\"}"), Some(2.0));
    assert_eq!(scrape.value("tls_certificate_expiry_seconds"), Some(3_786_912_000.0));
}

#[tokio::test]
async fn new_files_are_used_for_new_connections_and_open_ones_go_on() {
    let reloaded = LogWatch::start("TLS certificate reloaded");
    let fixture = Fixture::new().await;
    let space = fixture.server.space_id("alice");
    let (watcher, mut events) = Box::pin(fixture.connect("alice")).await;
    within(
        "a subscription",
        watcher.subscribe(&[Watch {
            space,
            since: Cursor::ZERO,
            ucan: None,
            presence: false,
            catchup: false,
        }]),
    )
    .await
    .unwrap();
    let before = fixture.certificate().await;
    let (certificate, key) = content(&fixture.authority.issue("renewed", "localhost"));
    fixture.replace(&certificate, &key, &reloaded).await;
    assert_ne!(fixture.certificate().await, before);
    let (pusher, _events) = Box::pin(fixture.connect("alice")).await;
    let id = record_id(1).parse().unwrap();
    within("a push", pusher.push(space, &[Change::create(id, "after")])).await.unwrap();
    let event = within("an event on the old connection", events.next()).await;
    assert!(matches!(event, Some(Event::Sync(_))), "{event:?}");
    let scrape = Scrape::of(&fixture.server).await;
    assert_eq!(scrape.value("tls_certificate_reloads_total{outcome=\"ok\"}"), Some(1.0));
}

#[tokio::test]
async fn bad_files_are_reported_and_the_previous_ones_stay() {
    let kept = LogWatch::start("failed to reload the TLS certificate");
    let fixture = Fixture::new().await;
    let before = fixture.certificate().await;
    let (certificate, key) = content(&fixture.files);
    let (expired, expired_key) = content(&fixture.authority.issue_until("expired", "localhost", 2020));
    let bad = [
        (b"not a certificate".to_vec(), key.clone(), "no certificate in PEM"),
        (certificate.clone(), b"not a key".to_vec(), "no private key in PEM"),
        (certificate.clone(), expired_key.clone(), "cannot be used together"),
        (expired, expired_key, "has expired"),
    ];
    for (count, (certificate, key, reason)) in (1..).zip(bad) {
        fixture.replace(&certificate, &key, &kept).await;
        let line = kept.lines().pop().unwrap();
        assert!(line.starts_with("ERROR") && line.contains(reason), "{reason} in {line}");
        assert_eq!(fixture.certificate().await, before, "{reason}");
        let failed =
            Scrape::of(&fixture.server).await.value("tls_certificate_reloads_total{outcome=\"failed\"}");
        assert_eq!(failed, Some(f64::from(count)), "{reason}");
    }
}

#[tokio::test]
async fn plain_requests_are_not_served() {
    let fixture = Fixture::new().await;
    let mut plain = TcpStream::connect(fixture.server.address()).await.unwrap();
    plain.write_all(b"GET /readyz HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let mut response = Vec::new();
    // An alert of TLS, then the end.
    let _reset = within("the end of the connection", plain.read_to_end(&mut response)).await;
    assert!(!response.starts_with(b"HTTP"), "{response:?}");
    let failed = Scrape::of(&fixture.server).await.value("tls_handshakes_total{outcome=\"failed\"}");
    assert_eq!(failed, Some(1.0));
}

#[tokio::test]
async fn handshake_that_does_not_progress_is_ended_after_ten_seconds() {
    let fixture = Fixture::new().await;
    let mut silent = TcpStream::connect(fixture.server.address()).await.unwrap();
    // The beginning of a record that never ends.
    silent.write_all(&[0x16, 0x03, 0x01]).await.unwrap();
    let mut end = Vec::new();
    let ended = async {
        tokio::select! {
            ended = silent.read_to_end(&mut end) => ended,
            () = async {
                loop {
                    fixture.server.clock().advance(Duration::from_secs(1));
                    tokio::task::yield_now().await;
                }
            } => unreachable!(),
        }
    };
    let _reset = within("the end of the connection", ended).await;
    assert_eq!(end, [0_u8; 0]);
}

/// Problem of a configuration with these settings.
fn problem(settings: &[(&str, &str)]) -> String {
    let required = [("DATABASE_URL", "sqlite:x.db"), ("TRUSTED_ISSUERS", "https://accounts.example.com")];
    let settings =
        required.iter().chain(settings).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let read = Config::read(&Sources::from_environment(settings.collect::<Values>()));
    read.unwrap_err().to_string()
}

#[test]
fn certificate_and_key_are_set_together() {
    let expected = "TLS_CERT_FILE and TLS_KEY_FILE must be set together";
    assert_eq!(problem(&[("TLS_CERT_FILE", "a.pem")]), expected);
    assert_eq!(problem(&[("TLS_KEY_FILE", "a.key")]), expected);
}

#[tokio::test]
async fn start_with_unusable_files_fails_and_names_them() {
    let fixture = Fixture::new().await;
    let other = fixture.authority.issue("other", "localhost");
    let missing = fixture.folder.path().join("missing.pem");
    for (certificate, key, reason) in [
        (&missing, &other.key, "missing.pem"),
        (&other.key, &other.key, "has no certificate in PEM"),
        (&fixture.files.certificate, &other.key, "cannot be used together"),
    ] {
        let mut config = fixture::config(fixture.server.issuer(), fixture.folder.path());
        config.server.tls = Some(TlsConfig { certificate: certificate.clone(), key: key.clone() });
        let started = Server::start(config, Overrides::default()).await;
        let text = format!("{:#}", started.map(drop).unwrap_err());
        assert!(text.starts_with("cannot serve TLS") && text.contains(reason), "{reason} in {text}");
    }
}

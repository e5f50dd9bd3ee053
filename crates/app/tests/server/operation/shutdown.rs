//! The end of a server (protocol §1.12, operations §5).

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use less_sync_app::{Config, Overrides, Server};
use less_sync_test_support::{ManualClock, RawClient, Upgrade, within};
use serde_json::json;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::yield_now;

use crate::operation::dev;
use crate::operation::fixture::{Fixture, config, start};

/// Moves the time on, much faster than it passes, until the server has stopped.
async fn wait_out(fixture: &mut Fixture) -> anyhow::Result<()> {
    let Fixture { server, clock, .. } = fixture;
    let mut stopped = std::pin::pin!(server.stopped());
    loop {
        tokio::select! {
            biased;
            outcome = &mut stopped => return outcome,
            () = yield_now() => clock.advance(Duration::from_millis(20)),
        }
    }
}

/// A development server and a request to it whose body has not come yet.
struct Unfinished {
    server: Server,
    clock: ManualClock,
    stream: TcpStream,
    _directory: TempDir,
}

impl Unfinished {
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let clock = ManualClock::new();
        let overrides = Overrides { clock: Some(Arc::new(clock.clone())), ..Overrides::default() };
        let server = dev::start_with(directory.path(), &[], overrides).await;
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        let head =
            b"POST /dev/token HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n";
        stream.write_all(head).await.unwrap();
        // The handler asks for the body: the request is under way.
        let mut interim = [0; 25];
        within("the interim response", stream.read_exact(&mut interim)).await.unwrap();
        assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
        Self { server, clock, stream, _directory: directory }
    }

    /// The remaining bytes of the connection.
    async fn read_to_end(&mut self) -> String {
        let mut response = String::new();
        within("the end of the connection", self.stream.read_to_string(&mut response)).await.unwrap();
        response
    }
}

#[tokio::test]
async fn a_server_without_connections_stops_at_once() {
    let mut fixture = Fixture::new().await;
    fixture.server.drain();
    within("the end", fixture.server.stopped()).await.unwrap();
    assert!(TcpStream::connect(fixture.server.address()).await.is_err());
}

/// X-28 (without the push).
#[tokio::test]
async fn a_stopping_server_reports_it_until_its_connections_are_closed() {
    let endless = |config: &mut Config| config.server.shutdown_grace = Duration::from_hours(1000);
    let mut fixture = Fixture::configured(endless).await;
    let mut connections = [
        RawClient::connect(fixture.server.address()).await,
        RawClient::connect(fixture.server.address()).await,
    ];
    // A response shows that the upgraded connections before it are being served.
    fixture.get("/livez").await;
    fixture.server.drain();
    let health = fixture.get("/health").await;
    assert_eq!(health.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(health.body, json!({ "status": "unhealthy", "error": "shutting down" }));
    let ready = fixture.get("/readyz").await;
    assert_eq!(ready.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(ready.body["checks"]["draining"], json!({ "status": "failed" }));
    assert_eq!(fixture.get("/livez").await.status, StatusCode::OK);
    let rejected = fixture.get("/api/v1/unknown").await;
    assert_eq!(rejected.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(rejected.body, json!({ "error": "server is shutting down" }));
    assert_eq!(rejected.headers["retry-after"], "5");
    let (late, _) = Upgrade::offering(&["less-rpc-v1"]).send(fixture.server.address()).await;
    assert_eq!(late.status, 503);
    let closes = async {
        for connection in &mut connections {
            assert_eq!(connection.receive_close().await, (1001, "server shutting down".to_owned()));
        }
    };
    let (outcome, ()) = tokio::join!(within("the end", wait_out(&mut fixture)), closes);
    outcome.unwrap();
}

#[tokio::test]
async fn a_request_under_way_is_finished_before_the_server_ends() {
    let mut unfinished = Unfinished::new().await;
    unfinished.server.drain();
    // New connections are rejected: the shutdown has begun.
    within("a rejection", async { while TcpStream::connect(unfinished.server.address()).await.is_ok() {} })
        .await;
    unfinished.stream.write_all(b"{}").await.unwrap();
    let response = unfinished.read_to_end().await;
    assert!(response.starts_with("HTTP/1.1 200 OK\r\n"), "{response}");
    assert!(response.contains("\"token\":"), "{response}");
    within("the end", unfinished.server.stopped()).await.unwrap();
}

#[tokio::test]
async fn a_request_that_does_not_end_delays_the_shutdown_by_its_timeout_at_most() {
    let mut unfinished = Unfinished::new().await;
    unfinished.server.drain();
    unfinished.clock.until_armed(Duration::from_secs(23)).await;
    unfinished.clock.advance(Duration::from_secs(15));
    let response = unfinished.read_to_end().await;
    assert!(response.starts_with("HTTP/1.1 503 Service Unavailable\r\n"), "{response}");
    assert!(response.ends_with("{\"error\":\"timeout\"}"), "{response}");
    within("the end", unfinished.server.stopped()).await.unwrap();
}

#[tokio::test]
async fn the_database_is_unlocked_for_the_next_server() {
    let mut fixture = Fixture::new().await;
    fixture.server.drain();
    within("the end", fixture.server.stopped()).await.unwrap();
    let config = config(&fixture.issuer, fixture.directory.path());
    let again = start(config, &fixture.clock).await;
    assert_ne!(again.address().port(), 0);
}

#[tokio::test]
async fn a_dropped_server_closes_its_listener() {
    let fixture = Fixture::new().await;
    let Fixture { server, clock, .. } = fixture;
    let mut connection = RawClient::connect(server.address()).await;
    drop(server);
    within("the end of the connection", async {
        let end = connection.receive_end();
        tokio::pin!(end);
        loop {
            tokio::select! {
                biased;
                () = &mut end => return,
                () = yield_now() => clock.advance(Duration::from_millis(20)),
            }
        }
    })
    .await;
}

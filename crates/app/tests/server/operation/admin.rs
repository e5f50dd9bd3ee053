//! Admin listener (operations §2.7, §7, §9).

use std::sync::Arc;

use less_sync_app::{LogFilter, Overrides, Server};
use less_sync_test_support::{HttpResponse, Issuer, ManualClock, TestServer, Upgrade};
use parking_lot::Mutex;
use serde_json::Value;

use crate::operation::fixture;
use crate::operation::scrape::Scrape;

const TOKEN: &str = "a-token-of-the-operator";

async fn with_token() -> TestServer {
    TestServer::builder().setting("ADMIN_ADDR", "127.0.0.1:0").setting("ADMIN_TOKEN", TOKEN).start().await
}

async fn without_token() -> TestServer {
    TestServer::builder().setting("ADMIN_ADDR", "127.0.0.1:0").start().await
}

async fn get(server: &TestServer, request: Upgrade) -> HttpResponse {
    request.response(server.admin_address()).await
}

fn error(response: &HttpResponse) -> String {
    let body: Value = serde_json::from_slice(&response.body).unwrap();
    body["error"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn metrics_are_served_to_loopback_hosts_without_a_token() {
    let server = without_token().await;
    for host in ["localhost", "127.0.0.1:9090", "[::1]:1"] {
        let request = Upgrade::plain_get("/metrics").without("Host").header("Host", host);
        let response = get(&server, request).await;
        assert_eq!(response.status, 200, "{host}");
        let media_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
        assert_eq!(response.header("content-type"), Some(media_type));
        assert_eq!(Scrape::parse(&response.body).value("ws_connections"), Some(0.0));
    }
}

#[tokio::test]
async fn other_hosts_and_web_pages_are_rejected() {
    let server = without_token().await;
    let rebound = Upgrade::plain_get("/metrics").without("Host").header("Host", "evil.example.com");
    let rejected = get(&server, rebound).await;
    assert_eq!(rejected.status, 403);
    assert!(error(&rejected).starts_with("host is not allowed"));
    let absolute = get(&server, Upgrade::plain_get("http://evil.example.com/metrics")).await;
    assert_eq!(absolute.status, 403);
    let page = Upgrade::plain_get("/metrics").header("Origin", "http://localhost:5173");
    let rejected = get(&server, page).await;
    assert_eq!((rejected.status, error(&rejected).as_str()), (403, "requests of web pages are not allowed"));
}

#[tokio::test]
async fn a_token_is_required_once_it_is_set() {
    let server = with_token().await;
    let longer = format!("Bearer {TOKEN}x");
    for authorization in
        [None, Some("Bearer wrong"), Some(longer.as_str()), Some("Basic YTpi"), Some("Bearer")]
    {
        let request = Upgrade::plain_get("/metrics");
        let request = match authorization {
            Some(value) => request.header("Authorization", value),
            None => request,
        };
        let rejected = get(&server, request).await;
        assert_eq!(rejected.status, 401, "{authorization:?}");
        assert_eq!(rejected.header("www-authenticate"), Some("Bearer"));
        assert_eq!(error(&rejected), "missing or wrong admin token");
    }
    let bearer = format!("Bearer {TOKEN}");
    let twice = Upgrade::plain_get("/metrics").header("Authorization", &bearer);
    assert_eq!(get(&server, twice.clone().header("Authorization", &bearer)).await.status, 401);
    assert_eq!(get(&server, twice).await.status, 200);
    // Results of health checks are public on the main listener.
    assert_eq!(get(&server, Upgrade::plain_get("/livez")).await.status, 200);
}

#[tokio::test]
async fn admin_routes_are_not_public() {
    let server = with_token().await;
    let authorization = format!("Bearer {TOKEN}");
    for target in ["/metrics", "/debug/tasks", "/debug/pool", "/debug/log?filter=trace"] {
        let request = Upgrade::plain_get(target).header("Authorization", &authorization);
        assert_eq!(request.response(server.address()).await.status, 404, "{target}");
    }
}

#[tokio::test]
async fn tasks_and_connections_of_the_database_are_listed() {
    let server = without_token().await;
    let _client = server.raw("alice").await;
    let listed = get(&server, Upgrade::plain_get("/debug/tasks")).await;
    let tasks: Value = serde_json::from_slice(&listed.body).unwrap();
    let named = |name: &str| tasks["tasks"].as_array().unwrap().iter().find(|task| task["name"] == name);
    assert_eq!(named("connection").unwrap()["running"], 1);
    assert!(named("position check").unwrap()["oldest_seconds"].as_f64().unwrap() >= 0.0);
    let pool = get(&server, Upgrade::plain_get("/debug/pool")).await;
    let pool: Value = serde_json::from_slice(&pool.body).unwrap();
    assert_eq!((&pool["used"], &pool["waiting"]), (&Value::from(0), &Value::from(0)));
    assert!(pool["idle"].as_u64().unwrap() > 0);
}

#[tokio::test]
async fn the_log_filter_is_changed_at_run_time() {
    let clock = ManualClock::new();
    let issuer = Issuer::start(Arc::new(clock.clone())).await;
    let directory = tempfile::tempdir().unwrap();
    let given = Arc::new(Mutex::new(Vec::new()));
    let log = given.clone();
    let set = LogFilter::new(move |filter| {
        anyhow::ensure!(filter != "=", "not a directive");
        log.lock().push(filter.to_owned());
        Ok(())
    });
    let mut config = fixture::config(&issuer, directory.path());
    config.admin = Some(fixture::admin());
    let overrides = Overrides { clock: Some(Arc::new(clock)), log_filter: Some(set), ..Overrides::default() };
    let server = Server::start(config, overrides).await.unwrap();
    let admin = server.admin_address().unwrap();
    let post = |target: &str| Upgrade::plain_get(target).method("POST").header("Content-Length", "0");
    assert_eq!(post("/debug/log?filter=less_sync%3Ddebug").response(admin).await.status, 200);
    assert_eq!(*given.lock(), ["less_sync=debug"]);
    let rejected = post("/debug/log?filter=%3D").response(admin).await;
    assert_eq!((rejected.status, error(&rejected)), (400, "invalid log filter: not a directive".to_owned()));
    assert_eq!(post("/debug/log").response(admin).await.status, 400);
    assert_eq!(Upgrade::plain_get("/debug/log?filter=trace").response(admin).await.status, 405);
    assert_eq!(given.lock().len(), 1);
}

//! Page at `/`: the playground of a development server, in a real browser; pointers for people elsewhere.

use std::path::{Path, PathBuf};
use std::time::Duration;

use http::StatusCode;
use less_sync_app::Overrides;
use serde_json::json;
use tokio::process::Command;

use crate::operation::dev::start_with;
use crate::operation::fixture::{Fixture, ask, http, url};

/// Limit of a browser that goes through every action of the page, on a busy machine.
const PATIENCE: Duration = Duration::from_mins(3);

fn folder() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/browser");
    assert!(
        folder.join("node_modules/axe-core").exists(),
        "`npm ci` in examples/browser first, or run ./test"
    );
    folder
}

/// Every action of the page; accessibility in both colour schemes; no request to elsewhere.
#[tokio::test(flavor = "multi_thread")]
async fn playground_does_what_it_offers_in_a_browser() {
    let directory = tempfile::tempdir().unwrap();
    let server = start_with(directory.path(), &[("WS_AUTH_TIMEOUT", "60s")], Overrides::default()).await;
    let mut check = Command::new("node");
    check.current_dir(folder()).args(["playground.js", &url(&server, "/")]).kill_on_drop(true);
    let checked = tokio::time::timeout(PATIENCE, check.output()).await.unwrap().unwrap();
    let errors = String::from_utf8_lossy(&checked.stderr);
    assert!(checked.status.success(), "{}{errors}", String::from_utf8_lossy(&checked.stdout));
}

#[tokio::test]
async fn playground_loads_nothing_from_elsewhere() {
    let directory = tempfile::tempdir().unwrap();
    let server = start_with(directory.path(), &[], Overrides::default()).await;
    for (path, kind) in [
        ("/", "text/html"),
        ("/playground/page.js", "text/javascript"),
        ("/playground/style.css", "text/css"),
    ] {
        let response = http().get(url(&server, path)).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
        assert!(header("content-type").starts_with(kind), "{path}");
        let policy = header("content-security-policy");
        assert!(policy.starts_with("default-src 'none';") && !policy.contains("unsafe"), "{policy}");
        assert!(!response.text().await.unwrap().contains("https://"), "{path}");
    }
    // A name of another site that resolves to this machine.
    let rebound = http().get(url(&server, "/")).header("Host", "example.com").send().await.unwrap();
    assert_eq!(rebound.status(), StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn ordinary_server_points_to_its_documents() {
    let fixture = Fixture::new().await;
    let response = ask(http().get(url(&fixture.server, "/"))).await;
    assert_eq!(response.status, StatusCode::OK);
    let pointers =
        json!({ "service": "less-sync", "api": "/api/v1", "health": "/health", "openapi": "/openapi.json" });
    assert_eq!(response.body, pointers);
    let script = ask(http().get(url(&fixture.server, "/playground/page.js"))).await;
    assert_eq!(script.status, StatusCode::NOT_FOUND);
}

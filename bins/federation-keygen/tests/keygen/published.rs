//! Keys of the binary in the published set of the real server (federation §6.1, http §5.1).

use std::time::Duration;

use less_sync_test_support::{TestServer, within};
use serde_json::Value;

use crate::command::{CommandOutput, keygen, let_hours_pass};

const PATH: &str = "/.well-known/jwks.json";
const URL: &str = "https://a.example/.well-known/jwks.json";

fn on(url: &str, arguments: &[&str]) -> CommandOutput {
    keygen(&[("DATABASE_URL", url)], arguments)
}

/// Fragments of the published keys, in order.
async fn published(server: &TestServer) -> Vec<String> {
    let response = server.get(PATH).await;
    assert_eq!(response.status, 200);
    let document: Value = serde_json::from_slice(&response.body).unwrap();
    let kid = |key: &Value| key["kid"].as_str().unwrap().strip_prefix(&format!("{URL}#")).unwrap().to_owned();
    document["keys"].as_array().unwrap().iter().map(kid).collect()
}

/// Federation KY-1, KY-9: the key is staged, promoted after two hours and withdrawn a day later; every step shows in the published
/// set of a server that is stopped for each command, as the embedded database requires.
#[tokio::test]
async fn ky_9_keys_are_rotated_by_the_book() {
    let server = TestServer::builder().embedded().start().await;
    let path = server.folder().join("less-sync.db");
    let url = format!("sqlite:{}", path.display());
    assert_eq!(server.get(PATH).await.body, br#"{"keys":[]}"#);
    let new = |kid: &'static str| ["--domain", "a.example", "--kid", kid, "--no-promote"];
    let server = server.restart_after(|| drop(on(&url, &new("old")).succeeded())).await;
    assert_eq!(published(&server).await, ["old"]);
    let server = server.restart_after(|| drop(on(&url, &new("new")).succeeded())).await;
    assert_eq!(published(&server).await, ["old", "new"]);
    let server = server
        .restart_after(|| {
            let_hours_pass(&path, 2);
            on(&url, &["promote", &format!("{URL}#new")]).succeeded();
        })
        .await;
    assert_eq!(published(&server).await, ["old", "new"], "the old key verifies what peers have cached");
    let server = server
        .restart_after(|| {
            let_hours_pass(&path, 24);
            on(&url, &["deactivate", &format!("{URL}#old")]).succeeded();
        })
        .await;
    assert_eq!(published(&server).await, ["new"]);
}

/// Federation KY-3: within a minute, without a restart.
#[tokio::test]
async fn ky_3_running_server_publishes_new_keys_within_a_minute() {
    let server = TestServer::builder().postgres().manual_clock().start().await;
    let url = server.database_url();
    let made =
        tokio::task::spawn_blocking(move || on(&url, &["--domain", "a.example", "--kid", "k"]).succeeded());
    let made = made.await.unwrap();
    assert_eq!(server.get(PATH).await.body, br#"{"keys":[]}"#);
    let response = within("the new key", async {
        loop {
            server.clock().advance(Duration::from_mins(1));
            let response = server.get(PATH).await;
            if response.body != br#"{"keys":[]}"# {
                break response;
            }
        }
    });
    let response = response.await;
    let expected = format!(
        "{{\"keys\":[{{\"kid\":\"{URL}#k\",\"kty\":\"OKP\",\"alg\":\"EdDSA\",\"use\":\"federation\",\"crv\":\"Ed25519\",\
         \"x\":\"{}\"}}]}}",
        made.value("public_key_base64url")
    );
    assert_eq!(String::from_utf8(response.body.clone()).unwrap(), expected);
    assert_eq!(response.header("cache-control"), Some("public, max-age=3600, stale-while-revalidate=86400"));
    assert_eq!(response.header("content-type"), Some("application/json"));
    assert_eq!(response.header("access-control-allow-origin"), Some("*"));
}

//! Discovery document of a server that accepts links (federation §4, http §5.2).

use less_sync_test_support::{TestServer, TestServerBuilder};
use serde_json::{Value, json};

use super::fixture::{Peer, trusting};

fn described(server: TestServerBuilder) -> TestServerBuilder {
    server
        .setting("DISCOVERY_IDENTITY_DOMAIN", "home.example")
        .setting("PUBLIC_SYNC_URL", "https://sync.home.example")
        .setting("ACCOUNTS_URL", "https://accounts.home.example")
}

async fn document(server: &TestServer, name: &str) -> Value {
    let response = server.get(&format!("/.well-known/{name}")).await;
    assert_eq!(response.header("cache-control"), Some("public, max-age=3600"));
    assert_eq!(response.header("access-control-allow-origin"), Some("*"));
    serde_json::from_slice(&response.body).unwrap()
}

/// Federation DI-1.
#[tokio::test]
async fn di_1_document_names_the_links_of_a_server_that_accepts_them() {
    let server = described(trusting(&[&Peer::new("b.example", 1)])).start().await;
    for name in ["less-platform", "betterbase"] {
        let document = document(&server, name).await;
        assert_eq!(document["federation"], true);
        assert_eq!(document["federation_ws"], "wss://sync.home.example/api/v1/federation/ws");
        assert_eq!(document["jwks_uri"], "https://sync.home.example/.well-known/jwks.json");
    }
    let alone = described(TestServer::builder()).start().await;
    let document = document(&alone, "less-platform").await;
    assert_eq!((&document["federation"], &document["federation_ws"]), (&json!(false), &json!("")));
}

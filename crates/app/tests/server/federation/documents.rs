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

/// Federation §18.1, http §5: pages of every origin read the public documents, also when the API is for listed ones.
#[tokio::test]
async fn public_documents_are_for_pages_of_every_origin() {
    let server = described(trusting(&[&Peer::new("b.example", 1)]))
        .setting("CORS_ALLOWED_ORIGINS", "https://app.example")
        .start()
        .await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let get = async |path: &str| {
        let request = http.get(format!("http://{}{path}", server.address()));
        let response = request.header("Origin", "https://evil.example").send();
        let response = less_sync_test_support::within("the response", response).await.unwrap();
        response.headers().get("access-control-allow-origin").map(|value| value.to_str().unwrap().to_owned())
    };
    for name in ["jwks.json", "less-platform", "betterbase"] {
        assert_eq!(get(&format!("/.well-known/{name}")).await.as_deref(), Some("*"), "{name}");
    }
    assert_eq!(get("/api/v1/federation/trusted").await, None);
}

//! Trust in other servers and keys towards them, on all nodes (federation §5.4, decision 0046).

use less_sync_bus::LocalHub;
use less_sync_test_support::{HttpResponse, RawClient, TestServer, within};
use sqlx::{Connection as _, Executor as _, PgConnection};

use super::fixture::Nodes;
use crate::federation::fixture::Peer;

/// Nodes on a clock that stands still: nothing is polled, and what one of them learns reaches the other by the bus alone.
async fn nodes(hub: &std::sync::Arc<LocalHub>, setting: (&str, &str)) -> Nodes {
    let builder = TestServer::builder().manual_clock().setting(setting.0, setting.1);
    Nodes::start(builder, Some((hub, 8192))).await
}

/// Upgrade of `peer` at the other node.
async fn upgrade(nodes: &Nodes, peer: &Peer) -> (HttpResponse, RawClient) {
    peer.upgrade(&nodes.one).send(nodes.other.address()).await
}

#[tokio::test]
async fn withdrawn_trust_ends_the_links_of_all_nodes() {
    let peer = Peer::new("b.example", 1);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("peers.toml");
    std::fs::write(&file, format!("version = 1\n{}", peer.table(""))).unwrap();
    let hub = LocalHub::new();
    let nodes = nodes(&hub, ("FEDERATION_PEERS_FILE", &file.display().to_string())).await;
    let (response, mut link) = upgrade(&nodes, &peer).await;
    assert_eq!(response.status, 101);
    std::fs::write(&file, "version = 1\n").unwrap();
    // SIGHUP at one node.
    nodes.one.reload();
    let end = within("the end of the link", link.receive_close()).await;
    assert_eq!(end, (4002, "trust revoked".to_owned()));
}

#[tokio::test]
async fn changed_signing_key_is_published_by_all_nodes() {
    let hub = LocalHub::new();
    let nodes = nodes(&hub, ("FEDERATION_DOMAIN", "home.example")).await;
    let mut database = PgConnection::connect(&nodes.one.database_url()).await.unwrap();
    let rename = "UPDATE federation_signing_keys SET kid = replace(kid, '#fed-', '#new-')";
    assert_eq!(database.execute(rename).await.unwrap().rows_affected(), 1);
    nodes.one.reload();
    let published = async {
        loop {
            let body = nodes.other.get("/.well-known/jwks.json").await.body;
            let document: serde_json::Value = serde_json::from_slice(&body).unwrap();
            let kid = document["keys"][0]["kid"].as_str().unwrap_or_default().to_owned();
            if kid.contains("#new-") {
                return;
            }
        }
    };
    within("the other node to publish the key", published).await;
}

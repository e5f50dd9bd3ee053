//! Links between two whole servers (federation §12, §14.1).

use less_sync_test_support::{Cluster, RawClient, TestServer, bytes, within};
use serde_json::{Value, json};

use crate::rpc_error::error;

async fn invite(client: &mut RawClient, server: &str) -> Value {
    let params =
        json!({ "mailbox_id": "b".repeat(64), "payload": "jwe", "server": server, "tag": bytes([7; 16]) });
    client.call("invitation.create", &params).await
}

/// Home hints in the database of a server (federation §11.3).
fn hints(server: &TestServer) -> Vec<(String, Vec<u8>)> {
    let db = rusqlite::Connection::open(server.database_url().strip_prefix("sqlite:").unwrap()).unwrap();
    let mut select = db.prepare("SELECT peer_domain, tag FROM federation_home_hints").unwrap();
    let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

/// True when the registry of a server shows this sample.
fn shows(cluster: &Cluster, server: usize, sample: &str) -> bool {
    let text = cluster.server(server).metrics().render();
    text.lines().any(|line| line == sample)
}

/// C01, C02, C17, T-516: a server dials another one, which finds its key by the published set, and both agree on terms.
#[tokio::test]
async fn t_516_invitation_goes_over_a_signed_link() {
    let cluster = Cluster::start_with(2, |_, builder| builder.embedded()).await;
    let mut alice = cluster.server(0).raw("alice").await;
    let unknown = invite(&mut alice, "127.255.255.254").await;
    assert_eq!(unknown["error"], error("bad_request", "target server is not a trusted federation peer"));
    assert!(shows(&cluster, 0, "federation_links_dialled 0"));
    let sent = invite(&mut alice, &cluster.name(1)).await;
    let forwarded = json!({ "id": "forwarded", "payload": "jwe", "created_at": "", "expires_at": "" });
    assert_eq!(sent["result"], forwarded, "{sent}");
    let bob = cluster.server(1).issuer().claims("bob").mailbox(&"b".repeat(64));
    let mut bob = cluster.server(1).raw_with_token(&cluster.server(1).issuer().mint(&bob)).await;
    let list = bob.call("invitation.list", &json!({})).await;
    assert_eq!(list["result"]["invitations"][0]["payload"], "jwe", "T-110: {list}");
    assert_eq!(hints(cluster.server(1)), [(cluster.name(0), vec![7; 16])]);
    assert!(shows(&cluster, 0, "federation_links_dialled 1"));
    assert!(shows(&cluster, 1, "federation_peers_active{direction=\"inbound\"} 1"));
    let local = invite(&mut alice, &format!("https://{}:5379/x", cluster.name(0))).await;
    assert_ne!(local["result"]["id"], "forwarded", "the own address is local (ID-7)");
    assert!(local["result"]["created_at"].as_str().is_some_and(|time| !time.is_empty()), "{local}");
}

/// INV-7, FM-16, T-316: trust that ends closes the link, and further invitations are not sent.
#[tokio::test]
async fn fm_16_link_ends_with_trust() {
    let cluster = Cluster::start(2).await;
    let mut alice = cluster.server(0).raw("alice").await;
    invite(&mut alice, &cluster.name(1)).await;
    assert!(shows(&cluster, 0, "federation_links_dialled 1"));
    cluster.trust(0, &[]);
    within("the link to end", async {
        while !shows(&cluster, 1, "federation_peers_active{direction=\"inbound\"} 0") {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let disabled = error("bad_request", "federation is not enabled on this server");
    assert_eq!(invite(&mut alice, &cluster.name(1)).await["error"], disabled);
}

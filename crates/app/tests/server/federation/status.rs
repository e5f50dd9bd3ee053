//! Status of peers for users and operators (federation §18.1, §18.2).

use less_sync_test_support::{HttpResponse, SharedSpace, TestServer, Upgrade};
use serde_json::{Value, json};

use super::fixture::{Peer, trusting};
use super::forwarding::native;

async fn get(server: &TestServer, path: &str) -> HttpResponse {
    let authorization = format!("Bearer {}", server.token("alice"));
    let request = Upgrade::plain_get(&format!("/api/v1/federation/{path}"));
    request.header("Authorization", &authorization).response(server.address()).await
}

fn body(response: &HttpResponse) -> Value {
    serde_json::from_slice(&response.body).unwrap()
}

/// Federation T-503.
#[tokio::test]
async fn t_503_trusted_servers_are_listed_for_users() {
    let [one, two] = [Peer::new("c.example", 1), Peer::new("b.example", 2)];
    let server = trusting(&[&one, &two]).start().await;
    let listed = get(&server, "trusted").await;
    assert_eq!((listed.status, body(&listed)), (200, json!({ "domains": ["b.example", "c.example"] })));
    assert_eq!(server.get("/api/v1/federation/trusted").await.status, 401);
    let off = TestServer::start().await;
    assert_eq!(get(&off, "trusted").await.status, 404);
}

/// Federation T-504, T-501.
#[tokio::test]
async fn t_504_status_counts_links_spaces_and_usage() {
    let peer = Peer::new("b.example", 1);
    let server = trusting(&[&peer]).start().await;
    let space = SharedSpace::create(&server).await;
    let mut link = native(&peer, &server).await;
    let entry = json!({ "id": space.text(), "since": 0, "ucan": space.root() });
    link.call("subscribe", &json!({ "spaces": [entry] })).await;
    let changes = json!([less_sync_test_support::create(1, "abc")]);
    link.call("push", &json!({ "space": space.text(), "ucan": space.root(), "changes": changes })).await;
    link.call("fed.invitation", &json!({ "mailbox_id": "9f".repeat(32), "payload": "jwe" })).await;
    let status = get(&server, "status/B.Example:443").await;
    let expected = json!({
        "domain": "b.example", "connections": 1, "spaces": 1, "records_this_hour": 1, "bytes_this_hour": 3,
        "invitations_this_hour": 1,
    });
    assert_eq!((status.status, body(&status)), (200, expected));
    assert_eq!(get(&server, "status/c.example").await.status, 404);
    let health = body(&server.get("/health").await);
    assert_eq!(health["federation"], json!({ "enabled": true, "peer_count": 1, "connections": 1 }));
    assert_eq!(health["status"], "healthy");
    let metrics = server.metrics().render();
    for sample in [
        "federation_spaces_replicated{peer=\"b.example\",role=\"home\"} 1",
        "federation_frames_received_total{peer=\"b.example\",type=\"request\"} 4",
        "federation_quota_usage_ratio{peer=\"b.example\",resource=\"invitations\"} 0.01",
        "federation_invitation_delivery_total{peer=\"b.example\",direction=\"received\",status=\"delivered\"} 1",
    ] {
        assert!(metrics.lines().any(|line| line == sample), "{sample} in {metrics}");
    }
    let off = TestServer::start().await;
    assert_eq!(get(&off, "status/b.example").await.status, 404);
    assert!(body(&off.get("/health").await)["federation"].is_null());
}

/// Federation §18.1.
#[tokio::test]
async fn status_requires_the_scope_of_the_setting() {
    let peer = Peer::new("b.example", 1);
    let server = trusting(&[&peer]).setting("FEDERATION_STATUS_SCOPE", "operator").start().await;
    assert_eq!(get(&server, "status/b.example").await.status, 403);
}

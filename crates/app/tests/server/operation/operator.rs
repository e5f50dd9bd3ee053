//! Admin routes of the operator: connections, slow consumers, denials (operations §9.1).

use less_sync_test_support::{HttpResponse, RawClient, SharedSpace, TestServer, Upgrade, encode};
use serde_json::{Value, json};

pub(crate) async fn server() -> TestServer {
    TestServer::builder().setting("ADMIN_ADDR", "127.0.0.1:0").start().await
}

pub(crate) async fn ask(server: &TestServer, method: &str, target: &str) -> HttpResponse {
    Upgrade::plain_get(target).method(method).response(server.admin_address()).await
}

/// Answer with status 200.
pub(crate) async fn get(server: &TestServer, target: &str) -> Value {
    let response = ask(server, "GET", target).await;
    let body: Value = serde_json::from_slice(&response.body).unwrap();
    assert_eq!(response.status, 200, "{target}: {body}");
    body
}

/// Status and error text of a rejected request.
pub(crate) async fn rejected(server: &TestServer, method: &str, target: &str) -> (u16, String) {
    let response = ask(server, method, target).await;
    let body: Value = serde_json::from_slice(&response.body).unwrap();
    (response.status, body["error"].as_str().unwrap_or_default().to_owned())
}

/// Sends a request under an id that is safe to log, and waits for its response.
async fn call(client: &mut RawClient, id: &str, method: &str, params: &Value) -> Value {
    let frame = json!({ "type": 0, "id": id, "method": method, "params": params });
    client.send_binary(encode(&frame)).await;
    loop {
        let frame = client.receive_rpc().await;
        if frame["type"] == 1 && frame["id"] == id {
            return frame;
        }
    }
}

#[tokio::test]
async fn connections_are_listed_without_identities_unless_asked() {
    let server = server().await;
    let [mut alice, mut second] = [server.raw("alice").await, server.raw("alice").await];
    let mut bob = server.raw("bob").await;
    alice.subscribe(&server.space("alice")).await;
    second.assert_alive().await;
    bob.assert_alive().await;
    let listed = get(&server, "/admin/connections").await;
    let text = listed.to_string();
    assert_eq!(listed["total"], 3);
    assert!(!text.contains("alice") && !text.contains("bob") && !text.contains("issuer"), "{text}");
    let busiest = get(&server, "/admin/connections?sort=subscriptions&limit=1&reveal=true").await;
    let first = &busiest["connections"][0];
    assert_eq!((&first["user"], &first["subscriptions"]), (&json!("alice"), &json!(1)));
    assert_eq!((&first["stage"], &first["messages_in"]), (&json!("active"), &json!(2)));
    assert!(first["bytes_out"].as_u64().unwrap() > 0);
    let hash = first["actor"].as_str().unwrap();
    let same = get(&server, &format!("/admin/connections?actor={hash}&offset=1")).await;
    assert_eq!((&same["total"], same["connections"].as_array().unwrap().len()), (&json!(2), 1));
    let id = first["id"].as_str().unwrap();
    let shown = get(&server, &format!("/admin/connections/{id}")).await;
    assert_eq!(shown["spaces"], json!([server.space("alice")]));
    assert!(shown.get("user").is_none());
}

#[tokio::test]
async fn connection_is_closed_by_the_operator() {
    let server = server().await;
    let [mut first, mut second] = [server.raw("alice").await, server.raw("alice").await];
    let mut bob = server.raw("bob").await;
    first.subscribe(&server.space("alice")).await;
    second.assert_alive().await;
    bob.assert_alive().await;
    let listed = get(&server, "/admin/connections?sort=subscriptions").await;
    let id = listed["connections"][0]["id"].as_str().unwrap();
    let hash = listed["connections"][0]["actor"].as_str().unwrap();
    let target = format!("/admin/connections/{id}");
    assert_eq!(ask(&server, "DELETE", &target).await.status, 200);
    assert_eq!(first.receive_close().await, (1001, "closed by the operator".to_owned()));
    let all = ask(&server, "DELETE", &format!("/admin/connections?actor={hash}")).await;
    assert_eq!(serde_json::from_slice::<Value>(&all.body).unwrap(), json!({ "disconnected": 1 }));
    assert_eq!(second.receive_close().await, (1001, "closed by the operator".to_owned()));
    bob.assert_alive().await;
    let unknown = "/admin/connections/00000000-0000-0000-0000-000000000000";
    for method in ["GET", "DELETE"] {
        assert_eq!(rejected(&server, method, unknown).await, (404, "connection is not open".to_owned()));
    }
}

#[tokio::test]
async fn parameters_are_checked() {
    let server = server().await;
    for (target, part) in [
        ("/admin/connections?limit=0", "limit 0 is not from 1 to 1000"),
        ("/admin/connections?limit=1001", "limit 1001 is not from 1 to 1000"),
        ("/admin/connections?sort=nonsense", "unknown variant `nonsense`"),
        ("/admin/connections?revel=true", "unknown field `revel`"),
        ("/admin/connections?actor=xyz", "actor is not a hash"),
        ("/admin/connections/xyz", "connection id is not a UUID"),
        ("/admin/denials?space=xyz", "space is not a UUID"),
    ] {
        let (status, text) = rejected(&server, "GET", target).await;
        assert!(status == 400 && text.contains(part), "{target}: {status} {text}");
    }
    assert_eq!(rejected(&server, "DELETE", "/admin/connections").await.0, 400);
}

#[tokio::test]
async fn denied_request_is_found_by_its_id_with_the_rule() {
    let server = server().await;
    let shared_space = SharedSpace::create(&server).await;
    let (shared, foreign) = (shared_space.text(), server.space("alice"));
    let mut alice = server.raw("alice").await;
    alice.subscribe(&foreign).await;
    drop(alice);
    let mut bob = server.raw_as("bob", shared_space.owner()).await;
    let entry = |space: &str, ucan: &str| json!({ "spaces": [{ "id": space, "since": 0, "ucan": ucan }] });
    call(&mut bob, "a1", "pull", &json!({ "spaces": [{ "id": foreign, "since": 0 }] })).await;
    call(&mut bob, "a2", "subscribe", &json!({ "spaces": [{ "id": shared, "since": 0 }] })).await;
    call(&mut bob, "a3", "pull", &entry(&shared, "no chain")).await;
    call(&mut bob, "a4", "push", &json!({ "space": foreign, "changes": [] })).await;
    call(&mut bob, "a5", "membership.list", &json!({ "space": "no id" })).await;
    call(&mut bob, "a6", "no.such", &json!({})).await;
    for (id, operation, code, rule) in [
        ("a1", "pull", "skipped", "foreign_personal_space"),
        ("a2", "subscribe", "forbidden", "no_chain"),
        ("a3", "pull", "skipped", "chain.invalid_ucan"),
        ("a4", "push", "forbidden", "foreign_personal_space"),
        ("a5", "membership.list", "bad_request", "malformed"),
        ("a6", "unknown", "method_not_found", "unknown_method"),
    ] {
        let found = get(&server, &format!("/admin/denials?request_id={id}")).await;
        let [denial] = found["denials"].as_array().unwrap().as_slice() else { panic!("{id}: {found}") };
        assert_eq!(denial["operation"], operation, "{id}");
        assert_eq!((&denial["code"], &denial["rule"]), (&json!(code), &json!(rule)), "{id}");
        assert!(!denial["explanation"].as_str().unwrap().is_empty());
    }
    let actor = get(&server, "/admin/denials?request_id=a1").await["denials"][0]["actor"].clone();
    let page = get(&server, &format!("/admin/denials?actor={}&limit=4", actor.as_str().unwrap())).await;
    assert_eq!((page["denials"].as_array().unwrap().len(), &page["next_before"]), (4, &json!(3)));
    let rest = get(&server, "/admin/denials?before=3").await;
    assert_eq!((rest["denials"].as_array().unwrap().len(), &rest["next_before"]), (2, &Value::Null));
    let chains = get(&server, &format!("/admin/denials?rule=chain&space={shared}")).await;
    assert_eq!(chains["denials"][0]["request_id"], "a3");
    let page = page.to_string();
    assert!(!page.contains("bob") && !page.contains("no chain\"") && !page.contains("no.such"), "{page}");
}

#[tokio::test]
async fn denied_handshakes_and_file_requests_name_their_rule() {
    let server = TestServer::builder().files().setting("ADMIN_ADDR", "127.0.0.1:0").start().await;
    let mut stranger = server.raw_with_token("no token").await;
    assert_eq!(stranger.receive_close().await.0, 4000);
    let narrow = server.issuer().mint(&server.issuer().claims("alice").scope("files"));
    assert_eq!(server.raw_with_token(&narrow).await.receive_close().await.0, 4000);
    let space = server.space("alice");
    let target = format!("/api/v1/spaces/{space}/files/{space}");
    let request = Upgrade::plain_get(&target).header("X-Request-Id", "file-request-1");
    let request = request.header("Authorization", &format!("Bearer {}", server.token("bob")));
    assert_eq!(request.response(server.address()).await.status, 404);
    let found = get(&server, "/admin/denials?request_id=file-request-1").await;
    let denial = &found["denials"][0];
    assert_eq!((&denial["edge"], &denial["code"]), (&json!("http"), &json!("404")));
    assert_eq!((&denial["rule"], &denial["space"]), (&json!("unknown_space"), &json!(space)));
    let handshakes = get(&server, "/admin/denials?before=3").await;
    let rules = |at: usize| handshakes["denials"][at]["rule"].as_str().unwrap().to_owned();
    assert_eq!((rules(0), rules(1)), ("scope.sync".to_owned(), "token.invalid_token".to_owned()));
    assert_eq!(handshakes["denials"][1]["edge"], "handshake");
}

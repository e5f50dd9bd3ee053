//! `subscribe` and `unsubscribe` (protocol §4.2, §4.6).

use less_sync_test_support::{TestServer, bytes, create};
use serde_json::{Value, json};

/// P-160, P-041: the state of a personal space, under the names of both generations, without empty members.
#[tokio::test]
async fn a_personal_space_shows_its_state() {
    let server = TestServer::start().await;
    let space = server.space("alice");
    let mut alice = server.raw("alice").await;
    let response = alice.call("subscribe", &json!({ "spaces": [{ "id": space, "since": 0 }] })).await;
    let state = json!({ "id": space, "cursor": 0, "key_generation": 1, "epoch": 1 });
    assert_eq!(response["result"], json!({ "spaces": [state] }));
    alice.push_ok(&space, &[create(1, "x")]).await;
    assert_eq!(alice.subscribe(&space).await["cursor"], 1);
}

/// P-161
#[tokio::test]
async fn an_empty_list_has_an_empty_result() {
    let server = TestServer::start().await;
    let mut alice = server.raw("alice").await;
    let response = alice.call("subscribe", &json!({ "spaces": [] })).await;
    assert_eq!(response["result"], json!({ "spaces": [] }));
}

/// P-162
#[tokio::test]
async fn more_than_a_thousand_entries_are_rejected() {
    let server = TestServer::start().await;
    let mut alice = server.raw("alice").await;
    let entries = |count| vec![json!({ "id": "x", "since": 0 }); count];
    let response = alice.call("subscribe", &json!({ "spaces": entries(1000) })).await;
    assert_eq!(response["result"]["errors"].as_array().map(Vec::len), Some(1000));
    let response = alice.call("subscribe", &json!({ "spaces": entries(1001) })).await;
    let error = json!({ "code": "bad_request", "message": "too many spaces in subscribe request" });
    assert_eq!(response["error"], error);
}

/// P-163, P-164: an error of one space affects that space only.
#[tokio::test]
async fn errors_are_per_space_and_in_order() {
    let server = TestServer::start().await;
    let (own, foreign) = (server.space("alice"), server.space("bob"));
    let mut alice = server.raw("alice").await;
    let entry = |id: &str| json!({ "id": id, "since": 0 });
    let spaces = [entry("nonsense"), entry(&own), entry(&foreign), entry(&own)];
    let result = alice.call("subscribe", &json!({ "spaces": spaces })).await["result"].clone();
    let errors =
        json!([{ "space": "nonsense", "error": "bad_request" }, { "space": foreign, "error": "forbidden" }]);
    assert_eq!(result["errors"], errors);
    let listed: Vec<&Value> = result["spaces"].as_array().unwrap().iter().map(|entry| &entry["id"]).collect();
    assert_eq!(listed, [&own, &own]);
}

/// P-169
#[tokio::test]
async fn undecodable_params_are_invalid() {
    let server = TestServer::start().await;
    let mut alice = server.raw("alice").await;
    for params in [
        json!(null),
        json!([]),
        json!({}),
        json!({ "spaces": {} }),
        json!({ "spaces": [{ "id": "x" }] }),
        json!({ "spaces": [{ "id": "x", "since": -1 }] }),
        json!({ "spaces": [{ "id": "x", "since": {"$float": 0.0} }] }),
        json!({ "spaces": [{ "id": 1, "since": 0 }] }),
        json!({ "spaces": [{ "id": "x", "since": 0, "presence": 1 }] }),
    ] {
        let response = alice.call("subscribe", &params).await;
        let error = json!({ "code": "invalid_params", "message": "invalid subscribe params" });
        assert_eq!(response["error"], error, "{params}");
    }
}

/// P-172, G4
#[tokio::test]
async fn unsubscribe_ends_the_events() {
    let server = TestServer::start().await;
    let space = server.space("alice");
    let [mut watcher, mut writer] = [server.raw("alice").await, server.raw("alice").await];
    watcher.subscribe(&space).await;
    writer.push_ok(&space, &[create(1, "seen")]).await;
    assert_eq!(watcher.receive_notification("sync").await["cursor"], 1);
    watcher.notify("unsubscribe", &json!({ "spaces": [space, "nonsense", server.space("bob")] })).await;
    watcher.assert_alive().await;
    writer.push_ok(&space, &[create(2, "unseen")]).await;
    watcher.assert_quiet().await;
    assert_eq!(watcher.subscribe(&space).await["cursor"], 2);
}

/// P-173
#[tokio::test]
async fn unsubscribe_ends_the_presence_too() {
    let server = TestServer::start().await;
    let space = server.space("alice");
    let [mut one, mut other] = [server.raw("alice").await, server.raw("alice").await];
    one.subscribe(&space).await;
    other.subscribe(&space).await;
    one.notify("presence.set", &json!({ "space": space, "data": bytes("here") })).await;
    let peer = other.receive_notification("presence").await["peer"].clone();
    one.notify("unsubscribe", &json!({ "spaces": [space] })).await;
    assert_eq!(other.receive_notification("presence.leave").await, json!({ "space": space, "peer": peer }));
}

/// all forms of an id name the same space; responses echo the form, events are canonical.
#[tokio::test]
async fn every_form_of_an_id_names_one_space() {
    let server = TestServer::start().await;
    let canonical = server.space("alice");
    let forms = [
        canonical.to_uppercase(),
        canonical.replace('-', ""),
        format!("{{{canonical}}}"),
        format!("urn:uuid:{canonical}"),
    ];
    let mut writer = server.raw("alice").await;
    for (round, form) in forms.iter().enumerate() {
        let mut watcher = server.raw("alice").await;
        assert_eq!(watcher.subscribe(form).await["id"], *form);
        writer.push_ok(form, &[create(round as u128, "x")]).await;
        assert_eq!(watcher.receive_notification("sync").await["space"], canonical);
        let chunks = watcher.pull(form, 0).await;
        assert!(chunks.iter().all(|(_, data)| data["space"] == *form), "{chunks:?}");
    }
}

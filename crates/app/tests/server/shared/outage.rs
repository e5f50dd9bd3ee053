//! An outage of the store is a failure, not a rejection (D-29).

use std::fs::OpenOptions;

use less_sync_core::Permission;
use less_sync_test_support::{Member, SharedSpace, TestServer, create};
use serde_json::{Value, json};

use crate::rpc_error::error;
use crate::shared::log::append;

/// The error in the response to `method`.
fn failure(method: &str, response: &Value) -> Value {
    match method {
        "subscribe" => response["result"]["errors"][0]["error"].clone(),
        "push" => response["result"]["error"].clone(),
        _ => {
            assert_eq!(response["error"]["message"], response["error"]["code"], "{response}");
            response["error"]["code"].clone()
        }
    }
}

/// X-07, P-098, G-17, auth §18.8: `internal` from every method, in shared and in personal spaces, with a chain and without.
#[tokio::test]
async fn every_method_fails_with_internal_during_an_outage_of_the_store() {
    let server = TestServer::builder().embedded().start().await;
    let (member, personal) = (Member::random(), server.space("bob"));
    let (shared, ucan) = {
        let space = SharedSpace::create(&server).await;
        (space.text(), space.invite(&member, Permission::Admin))
    };
    // Everything moves from the log into the file, which then loses all but its first page.
    let server = server.restart().await;
    let file = OpenOptions::new().write(true).open(server.folder().join("less-sync.db")).unwrap();
    file.set_len(4096).unwrap();
    let mut client = server.raw_as("bob", &member).await;
    for (space, ucan) in [(&shared, ucan.as_str()), (&shared, ""), (&personal, "")] {
        let entries = json!({ "spaces": [{ "id": space, "since": 0, "ucan": ucan }] });
        for (method, params) in [
            ("subscribe", entries.clone()),
            ("pull", entries),
            ("push", json!({ "space": space, "ucan": ucan, "changes": [create(1, "x")] })),
            ("membership.append", append(space, ucan, 0, None, "x")),
            ("membership.list", json!({ "space": space, "ucan": ucan })),
            ("membership.revoke", json!({ "space": space, "ucan": ucan, "ucan_cid": "c".repeat(64) })),
        ] {
            let response = client.call(method, &params).await;
            assert_eq!(failure(method, &response), "internal", "{method} {response}");
        }
    }
    let params = json!({
        "id": less_sync_test_support::random_space().to_string(),
        "root_public_key": less_sync_test_support::bytes(member.root_key().as_bytes()),
    });
    let response = client.call("space.create", &params).await;
    assert_eq!(response["error"], error("internal", "failed to create space"));
}

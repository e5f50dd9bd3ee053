//! Validation order and exact error messages of membership requests (protocol §4.8–§4.10).

use less_sync_test_support::{SharedSpace, TestServer, bytes};
use serde_json::{Value, json};

use crate::rpc_error::error;
use crate::shared::log::hashed;

async fn expect(server: &TestServer, method: &str, cases: Vec<(Value, Value)>) {
    let mut client = server.raw("bob").await;
    for (params, expected) in cases {
        let response = client.call(method, &params).await;
        assert_eq!(response["error"], expected, "{method} {params}");
        assert!(response.get("result").is_none());
    }
}

fn bad(message: &str) -> Value {
    error("bad_request", message)
}

/// P-092.
#[tokio::test]
async fn append_is_validated_in_the_specified_order() {
    let server = TestServer::start().await;
    let space = SharedSpace::create(&server).await.text();
    let (hash, payload) = hashed("x");
    let params = |space: &str, hash: &Value, payload: &Value| json!({ "space": space, "expected_version": 0, "entry_hash": hash, "payload": payload });
    let (short, empty, other) = (bytes([1; 31]), bytes(""), bytes([1; 32]));
    let large = bytes(vec![1; 256 * 1024 + 1]);
    let cases = vec![
        (json!({}), error("invalid_params", "invalid membership append params")),
        (
            json!({ "space": space, "expected_version": "0" }),
            error("invalid_params", "invalid membership append params"),
        ),
        (params("no id", &short, &empty), bad("invalid space id")),
        (params(&space, &short, &empty), bad("entry_hash must be 32 bytes")),
        (params(&space, &other, &empty), bad("payload must not be empty")),
        (params(&space, &other, &large), error("payload_too_large", "payload too large")),
        (params(&space, &other, &payload), bad("entry_hash does not match SHA-256 of payload")),
        (params(&space, &hash, &payload), error("forbidden", "forbidden")),
    ];
    expect(&server, "membership.append", cases).await;
}

/// P-094, P-095.
#[tokio::test]
async fn list_is_validated_in_the_specified_order() {
    let server = TestServer::start().await;
    let space = SharedSpace::create(&server).await.text();
    let cases = vec![
        (json!({ "since_seq": 0 }), error("invalid_params", "invalid membership list params")),
        (
            json!({ "space": space, "since_seq": 1_i64 << 31 }),
            error("invalid_params", "invalid membership list params"),
        ),
        (json!({ "space": "no id" }), bad("invalid space id")),
        (json!({ "space": space }), error("forbidden", "forbidden")),
    ];
    expect(&server, "membership.list", cases).await;
}

/// P-097, P-099.
#[tokio::test]
async fn revoke_is_validated_in_the_specified_order() {
    let server = TestServer::start().await;
    let space = SharedSpace::create(&server).await.text();
    let params =
        |space: &str, cid: &str, did: &str| json!({ "space": space, "ucan_cid": cid, "member_did": did });
    let cid = "0c".repeat(32);
    let mut cases = vec![
        (json!({ "space": space }), error("invalid_params", "invalid membership revoke params")),
        (params("no id", &cid, &"d".repeat(256)), bad("invalid member did")),
        (params("no id", &cid, &"d".repeat(255)), bad("invalid space id")),
        (params(&space, &cid, ""), error("forbidden", "forbidden")),
    ];
    // Texts other than 64 lowercase hexadecimal digits, which would be stored and revoke nothing.
    let upper = cid.to_uppercase();
    for text in ["", "c", &upper, &cid[1..], &format!("{cid}0"), &format!(" {}", &cid[1..]), "bafy", "a\0"] {
        cases.push((params("no id", text, ""), bad("invalid ucan cid")));
    }
    expect(&server, "membership.revoke", cases).await;
}

//! `space.create` (protocol §4.7).

use less_sync_test_support::{RawClient, TestServer, bytes, random_space, unhex};
use serde_json::{Value, json};

/// A point on P-256, compressed.
const ROOT_KEY: &str = "036b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296";
const SPACE: &str = "7b0b6a5e-9a55-4a4b-8d5a-0123456789ab";

async fn create(client: &mut RawClient, id: &str, root_public_key: &[u8]) -> Value {
    client.call("space.create", &json!({ "id": id, "root_public_key": bytes(root_public_key) })).await
}

fn bad_request(message: &str) -> Value {
    json!({ "code": "bad_request", "message": message })
}

/// P-074, P-079: the epoch under the names of both generations.
#[tokio::test]
async fn a_space_is_created_once() {
    let server = TestServer::start().await;
    let mut alice = server.raw("alice").await;
    let first = create(&mut alice, &SPACE.to_uppercase(), &unhex(ROOT_KEY)).await;
    assert_eq!(first["result"], json!({ "id": SPACE, "key_generation": 1, "epoch": 1 }));
    let again = create(&mut alice, SPACE, &unhex(ROOT_KEY)).await;
    assert_eq!(again["error"], json!({ "code": "conflict", "message": "space already exists" }));
}

/// P-075, X-26: malformed ids, and ids of the form of personal spaces.
#[tokio::test]
async fn reserved_ids_are_rejected() {
    let server = TestServer::start().await;
    let mut alice = server.raw("alice").await;
    for id in ["", "not-a-uuid", "7b0b6a5e-9a55-4a4b-8d5a-0123456789a", &server.space("bob")] {
        let response = create(&mut alice, id, &unhex(ROOT_KEY)).await;
        assert_eq!(response["error"], bad_request("invalid space id"), "{id}");
    }
}

/// P-076…P-078
#[tokio::test]
async fn root_key_must_be_a_compressed_point() {
    let server = TestServer::start().await;
    let mut alice = server.raw("alice").await;
    let point = unhex(ROOT_KEY);
    let uncompressed = [&[4], &point[1..]].concat();
    // x = 1 has no point: 1 − 3 + b is not a square.
    let off_curve = [&[2][..], &[0; 31], &[1]].concat();
    let beyond_the_field = [&[2][..], &[0xff; 32]].concat();
    for key in
        [&[][..], &point[..32], &[&point[..], &[0]].concat(), &uncompressed, &off_curve, &beyond_the_field]
    {
        let response = create(&mut alice, SPACE, key).await;
        assert_eq!(response["error"], bad_request("invalid root public key"), "{key:02x?}");
    }
}

/// P-080
#[tokio::test]
async fn params_that_are_no_map_are_invalid() {
    let server = TestServer::start().await;
    let mut alice = server.raw("alice").await;
    for params in
        [json!(null), json!("text"), json!([]), json!({}), json!({ "id": SPACE, "root_public_key": "text" })]
    {
        let response = alice.call("space.create", &params).await;
        let error = json!({ "code": "invalid_params", "message": "invalid space create params" });
        assert_eq!(response["error"], error, "{params}");
    }
}

/// The creator of a space has no rights in it without a chain of UCANs.
#[tokio::test]
async fn creation_alone_grants_no_rights() {
    let server = TestServer::start().await;
    let mut alice = server.raw("alice").await;
    create(&mut alice, SPACE, &unhex(ROOT_KEY)).await;
    assert_eq!(alice.push(SPACE, &[]).await, json!({ "ok": false, "error": "forbidden" }));
}

/// Protocol §1.10: failures do not count, and the message contains the configured limit, with counters in the store and
/// without.
#[tokio::test]
async fn spaces_per_user_and_day_are_limited() {
    let key = "3031323334353637383930313233343536373839303132333435363738393031";
    for key in ["", key] {
        let builder = TestServer::builder().setting("RATE_LIMIT_SPACES_PER_DAY", "2");
        let server = builder.setting("IDENTITY_HASH_KEY", key).start().await;
        let mut alice = server.raw("alice").await;
        let [one, two, three] = [(); 3].map(|()| random_space().to_string());
        assert!(create(&mut alice, &one, &unhex(ROOT_KEY)).await["result"].is_object());
        assert_eq!(create(&mut alice, &one, &unhex(ROOT_KEY)).await["error"]["code"], "conflict");
        assert!(create(&mut alice, &two, &unhex(ROOT_KEY)).await["result"].is_object());
        let limited = json!({
            "code": "rate_limited", "message": "rate limit exceeded: max 2 spaces per day",
        });
        assert_eq!(create(&mut alice, &three, &unhex(ROOT_KEY)).await["error"], limited);
        assert!(create(&mut server.raw("bob").await, &three, &unhex(ROOT_KEY)).await["result"].is_object());
    }
}

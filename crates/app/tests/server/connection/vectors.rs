//! Every malformed vector of `vectors/frames.json`, played at its stage against the server (protocol §10, X-08).

use less_sync_test_support::{Frame, Opcode, RawClient, TestServer, encode, unhex};
use serde_json::{Value, json};

/// The identity behind the vectors.
const ISSUER: &str = "https://accounts.example.com";
const PERSONAL_SPACE: &str = "abf74849-a5ab-5b86-b0ca-bb32c3f469c4";

fn vectors() -> Vec<Value> {
    serde_json::from_str(include_str!("../../../../../vectors/frames.json")).unwrap()
}

async fn server() -> TestServer {
    TestServer::builder()
        .also_trust(ISSUER)
        .limits(|limits| limits.max_connections_per_actor = 10_000)
        .start()
        .await
}

async fn fixture_client(server: &TestServer) -> RawClient {
    let claims =
        server.issuer().claims("user-1").with("iss", ISSUER).with("personal_space_id", PERSONAL_SPACE);
    server.raw_with_token(&server.issuer().mint(&claims)).await
}

fn message(vector: &Value) -> Frame {
    if vector["opcode"] == "text" {
        return Frame::new(Opcode::TEXT, vector["text"].as_str().unwrap());
    }
    let content = match vector["generate"].as_object() {
        Some(generate) => {
            let count = usize::try_from(generate["count"].as_u64().unwrap()).unwrap();
            unhex(generate["repeat_hex"].as_str().unwrap()).repeat(count)
        }
        None => unhex(vector["hex"].as_str().unwrap()),
    };
    Frame::new(Opcode::BINARY, content)
}

fn expected_error(vector: &Value) -> Value {
    let expect = &vector["expect"];
    json!({ "code": expect["error_code"], "message": expect["message"] })
}

async fn play(server: &TestServer, vector: &Value) {
    let name = &vector["name"];
    let mut client = match vector["stage"].as_str().unwrap() {
        "first_frame" => RawClient::connect(server.address()).await,
        "authenticated" => fixture_client(server).await,
        stage => panic!("{name}: unknown stage {stage}"),
    };
    // A message that is rejected for its size need not be taken to its end.
    let taken = client.try_send_raw(&message(vector).to_bytes()).await;
    let expect = &vector["expect"];
    match expect["outcome"].as_str().unwrap() {
        "close" => {
            let (code, reason) = client.receive_close().await;
            assert_eq!(
                (json!(code), json!(reason)),
                (expect["close_code"].clone(), expect["reason"].clone()),
                "{name}"
            );
            return;
        }
        "error_response" => {
            let response = client.receive_rpc().await;
            assert_eq!(response["id"], expect["id"], "{name}");
            assert_eq!(response["error"], expected_error(vector), "{name}");
        }
        "result" => {
            let response = client.receive_rpc().await;
            assert_eq!(
                response,
                json!({ "type": 1, "id": expect["id"], "result": expect["result"] }),
                "{name}"
            );
        }
        "ignored" | "accepted" => {}
        outcome => panic!("{name}: unknown outcome {outcome}"),
    }
    assert!(taken, "{name}");
    client.send_binary(encode(&json!({ "type": 0, "id": "still here", "method": "x", "params": {} }))).await;
    assert_eq!(client.receive_rpc().await["id"], "still here", "{name}: a surplus response");
}

/// Stages, codes, reasons, errors and results as stated; the connection stays open where the vector says so.
#[tokio::test]
async fn every_malformed_vector_has_its_outcome() {
    let server = server().await;
    let vectors = vectors();
    let malformed: Vec<_> = vectors.iter().filter(|vector| vector["kind"] == "malformed").collect();
    assert!(malformed.len() >= 80, "only {} vectors", malformed.len());
    for vector in malformed {
        if vector["name"] == "m_oversize_message" {
            continue; // states the limit of the older generation; the newer one is in `frames.rs`
        }
        play(&server, vector).await;
    }
}

/// No well-formed client frame ends a connection.
#[tokio::test]
async fn every_golden_client_frame_keeps_the_connection_open() {
    let server = server().await;
    let newer: Vec<Value> =
        serde_json::from_str(include_str!("../../../../../vectors/frames-newer.json")).unwrap();
    let golden = vectors().into_iter().chain(newer);
    let golden = golden.filter(|vector| vector["kind"] == "golden" && vector["direction"] == "c2s");
    let mut client = fixture_client(&server).await;
    let mut played = 0;
    for vector in golden {
        client.send(&message(&vector)).await;
        client.assert_alive().await;
        played += 1;
    }
    assert!(played > 50, "only {played} frames");
}

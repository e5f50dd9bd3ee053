//! Valid and invalid frames (protocol §2).

use less_sync_test_support::{Frame, Opcode, RawClient, TestServer, bytes, create, encode, unhex};
use serde_json::{Value, json};

async fn alice() -> (TestServer, RawClient) {
    let server = TestServer::start().await;
    let client = server.raw("alice").await;
    (server, client)
}

/// Sends `message` after authentication: how the server closes.
async fn close_after(message: Frame) -> (u16, String) {
    let (_server, mut client) = alice().await;
    client.send(&message).await;
    client.receive_close().await
}

fn protocol_error(reason: &str) -> (u16, String) {
    (4005, reason.to_owned())
}

/// P-020
#[tokio::test]
async fn text_after_authentication_is_a_protocol_error() {
    let close = close_after(Frame::new(Opcode::TEXT, "hello")).await;
    assert_eq!(close, protocol_error("expected binary rpc frame"));
}

/// P-021, P-022
#[tokio::test]
async fn anything_but_one_whole_map_is_a_protocol_error() {
    for message in ["ffffff", "a5", "a1647479", "00", "80", "f7", "f6f6", "bf"] {
        let close = close_after(Frame::new(Opcode::BINARY, unhex(message))).await;
        assert_eq!(close, protocol_error("invalid cbor frame"), "{message}");
    }
}

/// P-023
#[tokio::test]
async fn an_empty_message_is_a_protocol_error() {
    let close = close_after(Frame::new(Opcode::BINARY, "")).await;
    assert_eq!(close, protocol_error("empty binary frame"));
}

/// P-024
#[tokio::test]
async fn the_keepalive_byte_is_accepted_without_a_response() {
    let (_server, mut client) = alice().await;
    client.send_binary([0xf6]).await;
    client.assert_alive().await;
}

/// P-025
#[tokio::test]
async fn an_unknown_method_is_rejected_under_its_id() {
    let (_server, mut client) = alice().await;
    client.send_binary(encode(&json!({ "type": 0, "id": "ü-1", "method": "teleport", "params": {} }))).await;
    let error = json!({ "code": "method_not_found", "message": "unknown method: teleport" });
    assert_eq!(client.receive_rpc().await, json!({ "type": 1, "id": "ü-1", "error": error }));
}

/// The name of an unknown method is echoed, truncated to 64 bytes.
#[tokio::test]
async fn a_long_unknown_method_is_echoed_in_part() {
    let (_server, mut client) = alice().await;
    let response = client.call(&"m".repeat(1000), &json!({})).await;
    assert_eq!(response["error"]["message"], format!("unknown method: {}", "m".repeat(64)));
}

/// P-026
#[tokio::test]
async fn a_request_without_id_gets_a_response_with_an_empty_id() {
    let (_server, mut client) = alice().await;
    client
        .send_binary(encode(&json!({ "type": 0, "method": "subscribe", "params": { "spaces": [] } })))
        .await;
    assert_eq!(client.receive_rpc().await, json!({ "type": 1, "id": "", "result": { "spaces": [] } }));
}

/// P-027…P-030: frames without an effect, and undecodable notifications.
#[tokio::test]
async fn frames_without_an_effect_are_ignored() {
    let (_server, mut client) = alice().await;
    for frame in [
        json!({ "type": 4 }),
        json!({ "type": -1, "anything": [1, 2] }),
        json!({ "type": 2_147_483_647 }),
        json!({ "type": 2, "method": "teleport", "params": {} }),
        json!({ "type": 2, "method": "auth", "params": { "token": "again" } }),
        json!({ "type": 2, "method": "push", "params": {} }),
        json!({ "type": 2, "method": "presence.set", "params": { "space": 7 } }),
        json!({ "type": 2, "method": "unsubscribe" }),
        json!({ "type": 1, "id": "1", "result": {} }),
        json!({ "type": 3, "id": "1", "name": "pull.record", "data": {} }),
    ] {
        client.send_binary(encode(&frame)).await;
        client.send_binary(encode(&json!({ "type": 0, "id": "next", "method": "x", "params": {} }))).await;
        assert_eq!(client.receive_rpc().await["id"], "next", "{frame} was answered");
    }
}

#[tokio::test]
async fn notification_methods_are_unknown_as_requests() {
    let (_server, mut client) = alice().await;
    for method in ["unsubscribe", "presence.set", "presence.clear", "event.send", "auth"] {
        let response = client.call(method, &json!({})).await;
        assert_eq!(response["error"]["code"], "method_not_found", "{method}");
    }
}

#[tokio::test]
async fn ids_are_echoed_up_to_256_bytes() {
    let (_server, mut client) = alice().await;
    let longest = "x".repeat(256);
    client.send_binary(encode(&json!({ "type": 0, "id": longest, "method": "x", "params": {} }))).await;
    assert_eq!(client.receive_rpc().await["id"], longest);
    client.send_binary(encode(&json!({ "type": 0, "id": longest + "x", "method": "x", "params": {} }))).await;
    assert_eq!(client.receive_close().await, protocol_error("request id too long"));
}

/// Two requests under one id are two requests.
#[tokio::test]
async fn a_repeated_id_gets_a_response_each_time() {
    let (_server, mut client) = alice().await;
    for _ in 0..2 {
        let request = json!({ "type": 0, "id": "same", "method": "subscribe", "params": { "spaces": [] } });
        client.send_binary(encode(&request)).await;
    }
    assert_eq!(client.receive_rpc().await["id"], "same");
    assert_eq!(client.receive_rpc().await["id"], "same");
}

/// missing, null and undefined are the same for every optional member.
#[tokio::test]
async fn absent_null_and_undefined_are_the_same() {
    let (server, mut client) = alice().await;
    let space = server.space("alice");
    for (round, nothing) in [Value::Null, json!({ "$undefined": true })].into_iter().enumerate() {
        let subscribe = json!({ "spaces": [{
            "id": space, "since": 0, "ucan": nothing, "token": nothing, "presence": nothing, "catchup": nothing,
            "home_server": nothing,
        }] });
        let response = client.call("subscribe", &subscribe).await;
        assert_eq!(response["result"]["spaces"][0]["id"], space, "{response}");
        let mut change = create(round as u128, "x");
        change["dek"] = nothing.clone();
        change["wrapped_dek"] = nothing.clone();
        let push = json!({ "space": space, "ucan": nothing, "epoch": nothing, "changes": [change] });
        assert_eq!(client.call("push", &push).await["result"]["ok"], true);
        let deletion = json!({ "id": change["id"], "blob": nothing, "expected_cursor": 2 * round + 1 });
        let push = json!({ "space": space, "changes": [deletion] });
        assert_eq!(client.call("push", &push).await["result"]["ok"], true);
        let pull =
            json!({ "spaces": [{ "id": space, "since": 0, "ucan": nothing }], "on_cursor_ahead": nothing });
        assert_eq!(client.call("pull", &pull).await["result"]["_chunks"], 2);
    }
}

/// Unknown members of any type and order are no reason to reject.
#[tokio::test]
async fn unknown_members_are_ignored() {
    let (_server, mut client) = alice().await;
    let frame = json!({
        "aaa": {"$float": 1.5}, "id": "1", "method": "subscribe", "zzz": { "deep": [[[null]]] }, "type": 0,
        "params": { "spaces": [], "new": bytes("x"), "old": {"$undefined": true} },
    });
    client.send_binary(encode(&frame)).await;
    assert_eq!(client.receive_rpc().await, json!({ "type": 1, "id": "1", "result": { "spaces": [] } }));
}

/// A request whose message is exactly `size` bytes.
fn request_of(size: usize) -> Vec<u8> {
    let with_padding = |length| {
        let params = json!({ "padding": bytes(vec![0; length]) });
        encode(&json!({ "type": 0, "id": "big", "method": "x", "params": params }))
    };
    let head = with_padding(size).len() - size;
    let request = with_padding(size - head);
    assert_eq!(request.len(), size);
    request
}

/// X-30, G-13
#[tokio::test]
async fn messages_of_8_mib_are_accepted_and_not_one_byte_more() {
    let (_server, mut client) = alice().await;
    client.send_binary(request_of(8 * 1024 * 1024)).await;
    assert_eq!(client.receive_rpc().await["id"], "big");
    client.send_fragmented(&request_of(8 * 1024 * 1024), 1024 * 1024).await;
    assert_eq!(client.receive_rpc().await["id"], "big");
    let too_big = Frame::new(Opcode::BINARY, request_of(8 * 1024 * 1024 + 1)).to_bytes();
    // The server may close before it has read everything.
    let taken = client.try_send_raw(&too_big).await;
    assert_eq!(client.receive_close().await, (1009, "message too big".to_owned()), "taken: {taken}");
}

/// The limit holds for a message, not for its parts.
#[tokio::test]
async fn fragments_are_counted_together() {
    let (_server, mut client) = alice().await;
    let part = vec![0; 3 * 1024 * 1024];
    for opcode in [Opcode::BINARY, Opcode::CONTINUATION, Opcode::CONTINUATION] {
        let frame = Frame { fin: false, ..Frame::new(opcode, part.clone()) };
        if !client.try_send_raw(&frame.to_bytes()).await {
            break;
        }
    }
    assert_eq!(client.receive_close().await, (1009, "message too big".to_owned()));
}

/// A declared length allocates nothing until the bytes arrive.
#[tokio::test]
async fn a_frame_with_a_huge_declared_length_is_too_big() {
    let (_server, mut client) = alice().await;
    client.send_raw(&Frame::new(Opcode::BINARY, "").head(u64::MAX / 2)).await;
    assert_eq!(client.receive_close().await.0, 1009);
}

/// RFC 6455: a violation ends its connection only.
#[tokio::test]
async fn violations_of_the_websocket_protocol_end_the_connection() {
    let server = TestServer::start().await;
    let mut bystander = server.raw("alice").await;
    let whole = || Frame::new(Opcode::BINARY, [0xf6]);
    for (what, frame) in [
        ("an unmasked frame", Frame { masked: false, ..whole() }),
        ("a reserved bit", Frame { reserved: 4, ..whole() }),
        ("a reserved opcode", Frame { opcode: Opcode(3), ..whole() }),
        ("a fragmented ping", Frame { fin: false, ..Frame::new(Opcode::PING, "") }),
        ("a long ping", Frame::new(Opcode::PING, vec![0; 126])),
        ("a continuation of nothing", Frame { opcode: Opcode::CONTINUATION, ..whole() }),
    ] {
        let mut client = server.raw("alice").await;
        client.send(&frame).await;
        let (code, _) = client.receive_close().await;
        assert!(code == 1002 || code == 4005, "{what}: closed with {code}");
        bystander.assert_alive().await;
    }
}

#[tokio::test]
async fn control_frames_may_come_between_fragments() {
    let (_server, mut client) = alice().await;
    let request = encode(&json!({ "type": 0, "id": "in two", "method": "x", "params": {} }));
    let (first, second) = request.split_at(5);
    client.send(&Frame { fin: false, ..Frame::new(Opcode::BINARY, first) }).await;
    client.send(&Frame::new(Opcode::PING, "between")).await;
    client.send(&Frame::new(Opcode::CONTINUATION, second)).await;
    assert_eq!(client.receive_rpc().await["id"], "in two");
}

/// protocol §2.4: a close is echoed.
#[tokio::test]
async fn a_close_is_echoed() {
    let (_server, mut client) = alice().await;
    client.send(&Frame::close(1000, "client close")).await;
    assert_eq!(client.receive_close().await.0, 1000);
    client.receive_end().await;
}

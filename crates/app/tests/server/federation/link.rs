//! Open links: the capability handshake, unknown methods, liveness and close codes (federation §8).

use std::time::Duration;

use less_sync_app::SystemClock;
use less_sync_core::ConnectionId;
use less_sync_engine::Clock as _;
use less_sync_test_support::{Opcode, RawClient, Received, TestServer, decode, within};
use serde_json::{Value, json};

use super::fixture::{Peer, trusting};

/// Shorthands for the dialer of a link.
pub(crate) trait Dialer {
    /// Sends `fed.hello`; `None` when the link is closed instead.
    async fn say_hello(&mut self, peer: &Peer) -> Option<Value>;

    /// Fails unless the link responds.
    async fn assert_alive_link(&mut self, peer: &Peer);
}

impl Dialer for RawClient {
    async fn say_hello(&mut self, peer: &Peer) -> Option<Value> {
        self.request("fed.hello", &peer.hello()).await;
        loop {
            match self.receive().await {
                Received::Frame(frame) if frame.opcode == Opcode::BINARY && frame.payload != [0xf6] => {
                    return Some(decode(&frame.payload).unwrap());
                }
                Received::Frame(frame) if frame.opcode == Opcode::CLOSE => return None,
                Received::Frame(_) => {}
                Received::End => return None,
            }
        }
    }

    async fn assert_alive_link(&mut self, peer: &Peer) {
        assert!(self.say_hello(peer).await.is_some());
    }
}

fn peer() -> Peer {
    Peer::new("b.example", 1)
}

/// Federation C17, §8.3.
#[tokio::test]
async fn hello_is_answered_with_the_capabilities_of_this_server() {
    let peer = peer();
    let server = trusting(&[&peer]).setting("FEDERATION_DOMAIN", "home.example:8443").start().await;
    let mut link = peer.dial(&server).await;
    let response = link.call("fed.hello", &peer.hello()).await;
    let mut result = response["result"].clone();
    let id = result["link"].take();
    assert!(id.as_str().unwrap().parse::<ConnectionId>().is_ok(), "{id}");
    let expected = json!({
        "v": 1, "server": "home.example", "features": ["rpc.forward", "idem", "cancel", "sub.errors", "epoch.keys"], "max_frame": 8_454_144, "max_inflight": 32,
        "time": server.clock().now().seconds(), "link": null,
    });
    assert_eq!(result, expected);
}

/// Federation §8.3: a peer cannot be another one than its signature says.
#[tokio::test]
async fn hello_of_another_server_closes_the_link() {
    let peer = peer();
    let server = trusting(&[&peer]).start().await;
    let mut link = peer.dial(&server).await;
    let mut hello = peer.hello();
    hello["server"] = json!("c.example");
    let response = link.call("fed.hello", &hello).await;
    assert_eq!(response["error"]["code"], "bad_request");
    assert_eq!(link.receive_close().await, (4005, "server does not match the signature".to_owned()));
}

#[tokio::test]
async fn malformed_hello_is_an_error_and_the_link_stays() {
    let peer = peer();
    let server = trusting(&[&peer]).start().await;
    let mut link = peer.dial(&server).await;
    let response = link.call("fed.hello", &json!({"v": "1"})).await;
    assert_eq!(response["error"], json!({"code": "invalid_params", "message": "invalid fed.hello params"}));
    let mut future = peer.hello();
    future["v"] = json!(2);
    assert_eq!(link.call("fed.hello", &future).await["error"]["code"], "bad_request");
    link.assert_alive_link(&peer).await;
}

/// Federation §8.2, T-515: also methods of clients.
#[tokio::test]
async fn unknown_methods_are_rejected_by_name() {
    let peer = peer();
    let server = trusting(&[&peer]).start().await;
    let mut link = peer.dial(&server).await;
    for method in ["token.refresh", "space.create", "invitation.create", "unsubscribe", "auth", ""] {
        let error = &link.call(method, &json!({})).await["error"];
        let expected = json!({"code": "method_not_found", "message": format!("unknown method: {method}")});
        assert_eq!(*error, expected);
    }
    link.notify("unsubscribe", &json!({"spaces": []})).await;
    link.notify("no.such.notification", &json!({})).await;
    link.send_binary([0xf6]).await;
    link.assert_alive_link(&peer).await;
}

/// Federation §8.2, T-327, FM-27.
#[tokio::test]
async fn fm_27_malformed_frames_close_the_link_with_4005() {
    let peer = peer();
    let server = trusting(&[&peer]).setting("FEDERATION_MAX_CONNECTIONS", "20").start().await;
    let mut text = peer.dial(&server).await;
    text.send_text("{}").await;
    assert_eq!(text.receive_close().await, (4005, "expected binary rpc frame".to_owned()));
    let mut empty = peer.dial(&server).await;
    empty.send_binary([]).await;
    assert_eq!(empty.receive_close().await, (4005, "empty binary frame".to_owned()));
    let deep = [vec![0x81; 200], vec![0xf6]].concat();
    for garbage in [&b"\xff"[..], b"\xa1\x64type", b"\x80", b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff", &deep] {
        let mut link = peer.dial(&server).await;
        link.send_binary(garbage).await;
        assert_eq!(link.receive_close().await, (4005, "invalid cbor frame".to_owned()), "{garbage:?}");
    }
}

/// Federation §8.4: a keepalive and a Ping every 30 s; 75 s of silence end a native link, ten minutes an original one.
#[tokio::test]
async fn silent_link_is_closed_after_its_dead_time() {
    let peer = peer();
    let server = trusting(&[&peer]).start().await;
    for (is_native, seconds) in [(true, 75), (false, 600)] {
        let mut link = peer.dial(&server).await;
        if is_native {
            link.assert_alive_link(&peer).await;
        }
        let mut waited = 0;
        let close = within("the end of the link", async {
            loop {
                server.clock().advance(Duration::from_secs(15));
                waited += 15;
                let mut keepalives = 0;
                while keepalives < 2 && waited % 30 == 0 {
                    match link.receive().await {
                        Received::Frame(frame) if frame.opcode == Opcode::CLOSE => {
                            return frame.close_parts();
                        }
                        Received::Frame(_) | Received::End => keepalives += 1,
                    }
                }
                if waited >= seconds {
                    return link.receive_close().await;
                }
            }
        });
        assert_eq!(close.await, (1001, "idle timeout".to_owned()));
        assert_eq!(waited, seconds, "{is_native}");
    }
}

/// Federation C42, §8.5.
#[tokio::test]
async fn shutdown_closes_links_with_1001() {
    let peer = peer();
    // On real time: the steps of a shutdown wait for its clock.
    let mut server = TestServer::builder().setting("FEDERATION_TRUSTED_KEYS", &peer.entry()).start().await;
    let upgrade = peer.upgrade_to("wss://home.example/api/v1/federation/ws", SystemClock.now());
    let (_, mut link) = upgrade.send(server.address()).await;
    link.assert_alive_link(&peer).await;
    server.drain();
    assert_eq!(link.receive_close().await, (1001, "server shutting down".to_owned()));
    link.vanish();
    server.stopped().await;
}

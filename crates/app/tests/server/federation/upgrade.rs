//! Upgrades of links: checks in their order, with their exact responses (federation §7.5).

use std::time::Duration;

use less_sync_auth::federation::SigningKey;
use less_sync_core::Timestamp;
use less_sync_engine::Clock as _;
use less_sync_test_support::{TestServer, Upgrade, within};

use super::fixture::{PATH, Peer, rejected, trusting};
use super::link::Dialer as _;

fn unauthorized() -> (u16, String) {
    (401, "signature verification failed".to_owned())
}

#[tokio::test]
async fn trusted_peer_is_accepted_with_either_subprotocol() {
    let peer = Peer::new("b.example", 1);
    let server = trusting(&[&peer]).start().await;
    peer.dial(&server).await;
    let upgrade = peer.upgrade(&server).without("Sec-WebSocket-Protocol");
    let (response, _link) =
        upgrade.header("Sec-WebSocket-Protocol", "betterbase-rpc-v1").send(server.address()).await;
    assert_eq!(
        (response.status, response.header("sec-websocket-protocol")),
        (101, Some("betterbase-rpc-v1"))
    );
}

/// Federation BO-8, TR-1: without trusted keys the route does not exist, and takes no bearer token.
#[tokio::test]
async fn bo_8_route_is_404_without_trusted_keys() {
    let peer = Peer::new("b.example", 1);
    let server = TestServer::builder().manual_clock().start().await;
    assert_eq!(
        rejected(&peer.upgrade(&server).response(server.address()).await),
        (404, "not found".to_owned())
    );
    let domains = TestServer::builder().manual_clock().setting("FEDERATION_TRUSTED_DOMAINS", "b.example");
    let server = domains.start().await;
    assert_eq!(peer.upgrade(&server).response(server.address()).await.status, 404);
}

/// Federation §7.5, rows 1 and 3 come before the signature.
#[tokio::test]
async fn requests_that_are_no_upgrade_are_rejected_first() {
    let peer = Peer::new("b.example", 1);
    let server = trusting(&[&peer]).start().await;
    let status = async |upgrade: Upgrade| upgrade.response(server.address()).await.status;
    assert_eq!(status(peer.upgrade(&server).method("POST")).await, 405);
    assert_eq!(status(Upgrade::plain_get(PATH)).await, 400);
    assert_eq!(status(peer.upgrade(&server).without("Sec-WebSocket-Key")).await, 400);
    let foreign =
        peer.upgrade(&server).without("Sec-WebSocket-Protocol").header("Sec-WebSocket-Protocol", "x");
    assert_eq!(status(foreign).await, 400);
}

/// Federation TH-1, TH-3, T-402, T-403.
#[tokio::test]
async fn th_1_unsigned_and_badly_signed_upgrades_are_rejected() {
    let peer = Peer::new("b.example", 1);
    let server = trusting(&[&peer]).start().await;
    let good = || peer.upgrade(&server);
    let thief = Peer { key: SigningKey::from_seed(&[9; 32]), ..Peer::new("b.example", 1) };
    for upgrade in [
        good().without("Signature"),
        good().without("Signature-Input"),
        good().without("Signature").header("Signature", "sig=:AAAA:"),
        good().without("Host").header("Host", "other.example"),
        good().target("/api/v1/federation/ws?x=1"),
        good().without("Sec-WebSocket-Key").header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        thief.upgrade(&server),
    ] {
        assert_eq!(rejected(&upgrade.response(server.address()).await), unauthorized(), "{upgrade:?}");
    }
    peer.dial(&server).await;
}

/// Federation TH-4, T-404: strangers get 401, whichever name they use.
#[tokio::test]
async fn th_4_strangers_are_unknown() {
    let peer = Peer::new("b.example", 1);
    let server = trusting(&[&peer]).start().await;
    for host in ["stranger.example", "b.example:8443", "b.example.evil.example"] {
        let stranger = Peer::new(host, 2);
        let response = stranger.upgrade(&server).response(server.address()).await;
        assert_eq!(rejected(&response), unauthorized(), "{host}");
    }
}

/// Federation §7.5 row 10: a known key of a peer that is not trusted any more.
#[tokio::test]
async fn blocked_peer_is_untrusted() {
    let (peer, inbound) = (Peer::new("b.example", 1), Peer::new("c.example", 2));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("peers.toml");
    let text =
        ["version = 1\n", &peer.table("trust = \"blocked\""), &inbound.table("direction = \"outbound\"")]
            .concat();
    std::fs::write(&file, text).unwrap();
    let server =
        TestServer::builder().manual_clock().setting("FEDERATION_PEERS_FILE", file.to_str().unwrap());
    let server = server.start().await;
    for peer in [peer, inbound] {
        let response = peer.upgrade(&server).response(server.address()).await;
        assert_eq!(rejected(&response), (403, "untrusted peer".to_owned()));
    }
}

/// Federation TH-2, T-401, FM-35.
#[tokio::test]
async fn th_2_captured_signature_opens_one_link() {
    let peer = Peer::new("b.example", 1);
    let server = trusting(&[&peer]).start().await;
    let captured = peer.upgrade(&server);
    let (first, _link) = captured.send(server.address()).await;
    assert_eq!(first.status, 101);
    for seconds in [0, 5, 290] {
        server.clock().advance(Duration::from_secs(seconds));
        assert_eq!(rejected(&captured.response(server.address()).await), unauthorized());
    }
    peer.dial(&server).await;
}

/// Federation AU-9: three uses within five seconds, as original peers need it; none with the setting.
#[tokio::test]
async fn au_9_unbound_signature_is_used_three_times_within_five_seconds() {
    let peer = Peer::new("b.example", 1);
    let server = trusting(&[&peer]).setting("FEDERATION_MAX_CONNECTIONS", "3").start().await;
    let captured = peer.unbound_upgrade(server.clock().now());
    for _ in 0..3 {
        let (response, link) = captured.send(server.address()).await;
        assert_eq!(response.status, 101);
        link.vanish();
    }
    assert_eq!(rejected(&captured.response(server.address()).await), unauthorized());
    let strict = trusting(&[&peer]).setting("FEDERATION_REQUIRE_BOUND_SIGNATURES", "true").start().await;
    let unbound = peer.unbound_upgrade(strict.clock().now());
    assert_eq!(rejected(&unbound.response(strict.address()).await), unauthorized());
    peer.dial(&strict).await;
}

/// Federation AU-4: the scheme that the peer has dialled, if it is one of the setting.
#[tokio::test]
async fn au_4_every_scheme_of_the_setting_verifies() {
    let peer = Peer::new("b.example", 1);
    let server = trusting(&[&peer]).start().await;
    let only_wss = trusting(&[&peer]).setting("FEDERATION_SIGNATURE_SCHEMES", "wss").start().await;
    for scheme in ["wss", "https", "ws", "http"] {
        let upgrade = |server: &TestServer| {
            peer.upgrade_to(&format!("{scheme}://home.example{PATH}"), server.clock().now())
        };
        let (response, link) = upgrade(&server).send(server.address()).await;
        assert_eq!(response.status, 101, "{scheme}");
        link.vanish();
        let (response, link) = upgrade(&only_wss).send(only_wss.address()).await;
        assert_eq!(response.status, if scheme == "wss" { 101 } else { 401 }, "{scheme}");
        link.vanish();
    }
}

/// Federation T-320, FM-20.
#[tokio::test]
async fn fm_20_signature_has_a_time_window() {
    let peer = Peer::new("b.example", 1);
    let server = trusting(&[&peer]).setting("FEDERATION_MAX_CONNECTIONS", "9").start().await;
    let ahead = trusting(&[&peer]).setting("FEDERATION_SIGNATURE_FUTURE_SECONDS", "300").start().await;
    for (server, offset, status) in [
        (&server, -280, 101),
        (&server, -320, 401),
        (&server, 50, 101),
        (&server, 90, 401),
        (&ahead, 290, 101),
    ] {
        let created = Timestamp::from_seconds(server.clock().now().seconds() + offset);
        let upgrade = peer.upgrade_to(&format!("wss://home.example{PATH}"), created);
        let (response, link) = upgrade.send(server.address()).await;
        assert_eq!(response.status, status, "{offset}");
        link.vanish();
    }
}

/// Federation §7.5 row 12, FM-31, T-113: the limit is of the peer, and a link that ends makes room.
#[tokio::test]
async fn fm_31_fourth_link_of_a_peer_is_closed_with_4003() {
    let (peer, other) = (Peer::new("b.example", 1), Peer::new("c.example", 2));
    let server = trusting(&[&peer, &other]).start().await;
    let mut links = Vec::new();
    for _ in 0..3 {
        links.push(peer.dial(&server).await);
    }
    let mut fourth = peer.dial(&server).await;
    assert_eq!(fourth.receive_close().await, (4003, "too many federation connections".to_owned()));
    other.dial(&server).await.assert_alive_link(&other).await;
    links.pop().unwrap().vanish();
    within("room for a link", async {
        loop {
            let mut link = peer.dial(&server).await;
            if link.say_hello(&peer).await.is_some() {
                break;
            }
        }
    })
    .await;
}

/// Federation §18.3, TH-26: strangers share one label.
#[tokio::test]
async fn th_26_rejections_are_counted_by_listed_peer_and_reason() {
    let peer = Peer::new("b.example", 1);
    let server = trusting(&[&peer]).start().await;
    let _link = peer.dial(&server).await;
    for host in ["b.example:1", "x.example", "y.example"] {
        Peer::new(host, 2).upgrade(&server).response(server.address()).await;
    }
    let page = server.metrics().render();
    for line in [
        "federation_peers_active{direction=\"inbound\"} 1\n",
        "federation_handshake_failures_total{peer=\"b.example\",reason=\"unknown_key\"} 1\n",
        "federation_handshake_failures_total{peer=\"unknown\",reason=\"unknown_key\"} 2\n",
    ] {
        assert!(page.contains(line), "{line}\n{page}");
    }
    assert!(!page.contains("x.example"), "{page}");
}

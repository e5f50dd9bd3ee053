//! Dials: signature, subprotocol, handshake, and the delays after failures.

use std::time::Duration;

use less_sync_engine::HomeError;
use less_sync_federation::outbound::Repeat;
use less_sync_federation::outbound::dialer::{DialFailure, Received};
use less_sync_test_support::within;

use crate::fixture::{Fixture, TRUSTED, request};

const UNAVAILABLE: Result<bytes::Bytes, HomeError> = Err(HomeError::Unavailable);

/// Federation §7.1, §8.3, T-043: the upgrade is signed and bound, the handshake comes first, and the params arrive unchanged.
#[tokio::test]
async fn t_043_first_call_dials_and_shakes_hands() {
    let fixture = Fixture::new().await;
    assert!(fixture.has_not_dialled().await);
    let call = fixture.call(request("push", Repeat::Unsent));
    let dial = fixture.dial().await;
    assert_eq!(dial.request.url.as_str(), "wss://b.example/ws");
    assert_eq!(dial.header("sec-websocket-protocol"), "less-rpc-v1, betterbase-rpc-v1");
    let input = dial.header("signature-input");
    assert!(
        input.starts_with("sig=(\"@method\" \"@target-uri\" \"host\" \"sec-websocket-key\");keyid="),
        "{input}"
    );
    assert_eq!(dial.header("sec-websocket-key").len(), 24);
    let mut peer = dial.accept();
    peer.shake(&["idem"]).await;
    let (id, method) = peer.request().await;
    assert_eq!(method, "push");
    peer.respond(&id).await;
    assert_eq!(&within("the result", call).await.unwrap().unwrap()[..], [0xa0]);
    assert_eq!(fixture.outbound.open_links(), 1);
}

/// PM-4, T-330: callers share one dial and one link.
#[tokio::test]
async fn pm_4_concurrent_calls_share_one_dial() {
    let fixture = Fixture::new().await;
    let calls = [(); 5].map(|()| fixture.call(request("push", Repeat::Unsent)));
    let mut peer = fixture.dial().await.accept();
    peer.shake(&[]).await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(peer.request().await.0);
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 5, "PM-6: ids are unique on the link");
    for id in ids {
        peer.respond(&id).await;
    }
    for call in calls {
        within("a result", call).await.unwrap().unwrap();
    }
    assert!(fixture.has_not_dialled().await);
}

/// FM-3: during the back-off calls fail at once; the first one after it dials again.
#[tokio::test]
async fn fm_3_unreachable_peer_fails_calls_at_once_until_the_backoff_ends() {
    let fixture = Fixture::new().await;
    let call = fixture.call(request("push", Repeat::Unsent));
    fixture.dial().await.fail(DialFailure::Unreachable("refused".into()));
    assert_eq!(within("the failure", call).await.unwrap(), UNAVAILABLE);
    let again = fixture.call(request("push", Repeat::Unsent));
    assert_eq!(within("the failure", again).await.unwrap(), UNAVAILABLE);
    assert!(fixture.has_not_dialled().await);
    // Half of the first interval of one second, by the fixed randomness.
    fixture.clock.advance(Duration::from_millis(500));
    let (mut peer, call) = fixture.up(request("push", Repeat::Unsent)).await;
    let (id, _) = peer.request().await;
    peer.respond(&id).await;
    within("the result", call).await.unwrap().unwrap();
}

/// AU-5, T-101: after one 401 to a wss URL the signed URL has the scheme ws, then and later.
#[tokio::test]
async fn au_5_rejected_wss_signature_is_made_again_with_ws() {
    let fixture = Fixture::new().await;
    let call = fixture.call(request("push", Repeat::Unsent));
    let first = fixture.dial().await;
    let signature = first.header("signature").to_owned();
    first.reject(401);
    let second = fixture.dial().await;
    assert_ne!(second.header("signature"), signature);
    assert_eq!(second.request.url.scheme(), "wss");
    let mut peer = second.accept();
    peer.shake(&[]).await;
    let (id, _) = peer.request().await;
    peer.respond(&id).await;
    within("the result", call).await.unwrap().unwrap();
    peer.lose().await;
    fixture.pass(Duration::from_secs(5)).await;
    let call = fixture.call(request("push", Repeat::Unsent));
    fixture.dial().await.reject(401);
    assert_eq!(within("the failure", call).await.unwrap(), UNAVAILABLE);
    assert!(fixture.has_not_dialled().await, "the working form is remembered");
}

/// FM-15, FM-18, federation §12.2: after 401 and 403 nothing is dialled for minutes.
#[tokio::test]
async fn fm_15_rejected_server_halts() {
    for status in [401, 403, 404] {
        let peers = format!("{TRUSTED}signature_scheme = \"dialled\"\n");
        let fixture = Fixture::with(&peers).await;
        let call = fixture.call(request("subscribe", Repeat::Always));
        fixture.dial().await.reject(status);
        assert_eq!(within("the failure", call).await.unwrap(), UNAVAILABLE);
        fixture.pass(Duration::from_secs(299)).await;
        let call = fixture.call(request("subscribe", Repeat::Always));
        assert_eq!(within("the failure", call).await.unwrap(), UNAVAILABLE);
        assert!(fixture.has_not_dialled().await);
        fixture.pass(Duration::from_secs(1)).await;
        drop(fixture.call(request("subscribe", Repeat::Always)));
        fixture.dial().await;
    }
}

/// PM-5: a subprotocol that was not offered is a failure.
#[tokio::test]
async fn pm_5_other_subprotocol_is_rejected() {
    for subprotocol in [None, Some("chat")] {
        let fixture = Fixture::new().await;
        let call = fixture.call(request("push", Repeat::Unsent));
        drop(fixture.dial().await.accept_with(subprotocol));
        assert_eq!(within("the failure", call).await.unwrap(), UNAVAILABLE);
    }
}

/// Federation §8.3: a peer that names another server gets 4005.
#[tokio::test]
async fn peer_under_another_name_is_closed() {
    let fixture = Fixture::new().await;
    let call = fixture.call(request("push", Repeat::Unsent));
    let mut peer = fixture.dial().await.accept();
    peer.shake_as("c.example", &[], 1 << 20).await;
    assert_eq!(peer.close().await, (4005, "server does not match the signature"));
    assert_eq!(within("the failure", call).await.unwrap(), UNAVAILABLE);
}

/// Federation §8.3: a peer without `fed.hello` is an original one, which gets no optional method; `profile = "native"` pins the other.
#[tokio::test]
async fn peer_without_handshake_is_original() {
    let fixture = Fixture::new().await;
    let forward = || less_sync_federation::outbound::OutboundCall {
        feature: Some("rpc.forward"),
        ..request("membership.list", Repeat::Always)
    };
    let call = fixture.call(forward());
    let mut peer = fixture.dial().await.accept();
    peer.shake_as_original().await;
    assert_eq!(within("the failure", call).await.unwrap(), Err(HomeError::Unsupported));
    let call = fixture.call(request("push", Repeat::Unsent));
    let (id, _) = peer.request().await;
    peer.respond(&id).await;
    within("the result", call).await.unwrap().unwrap();

    let pinned = Fixture::with(&format!("{TRUSTED}profile = \"native\"\n")).await;
    let call = pinned.call(forward());
    pinned.dial().await.accept().shake_as_original().await;
    assert_eq!(within("the failure", call).await.unwrap(), UNAVAILABLE);
}

/// FM-7: a server that accepts and then says nothing is given up after the time of the handshake.
#[tokio::test]
async fn fm_7_frozen_server_is_given_up_after_five_seconds() {
    let fixture = Fixture::new().await;
    let call = fixture.call(request("push", Repeat::Unsent));
    let mut peer = fixture.dial().await.accept();
    peer.request().await;
    fixture.pass(Duration::from_secs(5)).await;
    assert_eq!(within("the failure", call).await.unwrap(), UNAVAILABLE);
    peer.send(Received::Control).await;
    assert_eq!(peer.close().await, (1001, "idle timeout"));
}

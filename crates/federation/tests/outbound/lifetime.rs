//! Life of a link: keepalives, silence, idleness, renewal, close codes.

use std::time::Duration;

use bytes::Bytes;
use less_sync_engine::HomeError;
use less_sync_federation::outbound::Repeat;
use less_sync_federation::outbound::dialer::{Received, Sent};
use less_sync_test_support::within;

use crate::fixture::{Fixture, Peer, request};

/// A server with an open link without calls.
async fn open() -> (Fixture, Peer) {
    let fixture = Fixture::new().await;
    let (mut peer, call) = fixture.up(request("push", Repeat::Unsent)).await;
    let (id, _) = peer.request().await;
    peer.respond(&id).await;
    within("the result", call).await.unwrap().unwrap();
    (fixture, peer)
}

/// Federation §8.4: a Ping every 25 s, the keepalive byte every 30 s.
#[tokio::test]
async fn link_is_kept_alive() {
    let (fixture, mut peer) = open().await;
    fixture.clock.advance(Duration::from_secs(25));
    assert_eq!(peer.next().await, Some(Sent::Ping));
    fixture.clock.until_armed(Duration::from_secs(5)).await;
    fixture.clock.advance(Duration::from_secs(5));
    assert_eq!(peer.next().await, Some(Sent::Message(Bytes::from_static(&[0xf6]))));
}

/// Federation §8.4, FM-6: a link without input for 75 s is dead; any input counts.
#[tokio::test]
async fn fm_6_silent_link_ends_after_75_seconds() {
    let (fixture, mut peer) = open().await;
    fixture.pass(Duration::from_secs(70)).await;
    peer.send(Received::Control).await;
    fixture.pass(Duration::from_secs(70)).await;
    assert_eq!(fixture.outbound.open_links(), 1);
    fixture.pass(Duration::from_secs(10)).await;
    assert_eq!(peer.close().await, (1001, "idle timeout"));
    assert_eq!(fixture.outbound.open_links(), 0);
}

/// PM-13: a link without calls for five minutes is closed with 1000, and a call dials again at once.
#[tokio::test]
async fn pm_13_idle_link_is_closed() {
    let (fixture, mut peer) = open().await;
    for _ in 0..5 {
        peer.send(Received::Control).await;
        fixture.pass(Duration::from_mins(1)).await;
    }
    fixture.pass(Duration::from_secs(1)).await;
    assert_eq!(peer.close().await.0, 1000);
    let (_peer, _call) = fixture.up(request("push", Repeat::Unsent)).await;
}

/// Federation §8.5, FM-11: after 1001 the next dial follows within half a second.
#[tokio::test]
async fn fm_11_restarted_peer_is_dialled_again_soon() {
    let (fixture, peer) = open().await;
    peer.send(Received::Closed { code: 1001, reason: "server shutting down".to_owned() }).await;
    while fixture.outbound.open_links() > 0 {
        tokio::task::yield_now().await;
    }
    let call = fixture.call(request("subscribe", Repeat::Always));
    assert_eq!(within("the failure", call).await.unwrap(), Err(HomeError::Unavailable));
    fixture.clock.advance(Duration::from_millis(250));
    let (_peer, _call) = fixture.up(request("subscribe", Repeat::Always)).await;
}

/// Federation §8.5, FM-31: after 4003 the next dial follows after 30 s.
#[tokio::test]
async fn fm_31_link_beyond_the_limit_is_dialled_again_after_30_seconds() {
    let (fixture, peer) = open().await;
    peer.send(Received::Closed { code: 4003, reason: "too many federation connections".to_owned() }).await;
    fixture.pass(Duration::from_secs(29)).await;
    let call = fixture.call(request("push", Repeat::Unsent));
    assert_eq!(within("the failure", call).await.unwrap(), Err(HomeError::Unavailable));
    assert!(fixture.has_not_dialled().await);
    fixture.pass(Duration::from_secs(1)).await;
    let (_peer, _call) = fixture.up(request("push", Repeat::Unsent)).await;
}

/// Federation §8.4, T-114: a link in use is replaced by another one, which new calls use while old ones finish.
#[tokio::test]
async fn t_114_link_is_replaced_before_it_ends() {
    let (fixture, mut old) = open().await;
    // 47.5 minutes, by the fixed randomness.
    for _ in 0..47 {
        let call = fixture.call(request("push", Repeat::Unsent));
        let (id, _) = old.request().await;
        old.respond(&id).await;
        within("the result", call).await.unwrap().unwrap();
        fixture.pass(Duration::from_mins(1)).await;
    }
    let pending = fixture.call(request("push", Repeat::Unsent));
    let (id, _) = old.request().await;
    fixture.clock.advance(Duration::from_secs(19));
    old.send(Received::Control).await;
    fixture.clock.advance(Duration::from_secs(11));
    let mut new = fixture.dial().await.accept();
    new.shake(&[]).await;
    let outcome = within("a call on the new link", async {
        loop {
            let call = fixture.call(request("pull", Repeat::Always));
            tokio::select! {
                (id, _) = new.request() => {
                    new.respond(&id).await;
                    return call.await;
                }
                (id, _) = old.request() => old.respond(&id).await,
            }
        }
    })
    .await;
    outcome.unwrap().unwrap();
    old.respond(&id).await;
    // The call had 20 s, of which 30 have passed by now; what counts is that the link is closed in good order.
    let _ = within("the outcome", pending).await.unwrap();
    fixture.clock.advance(Duration::from_millis(250));
    assert_eq!(old.close().await.0, 1000);
    assert_eq!(fixture.outbound.open_links(), 1);
}

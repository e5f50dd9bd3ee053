//! Calls: responses, errors, timeouts, and repetition after the loss of a link.

use std::time::Duration;

use less_sync_core::ErrorCode;
use less_sync_engine::HomeError;
use less_sync_federation::outbound::dialer::Received;
use less_sync_federation::outbound::{OutboundCall, Repeat};
use less_sync_test_support::within;

use crate::fixture::{Fixture, request};

const UNAVAILABLE: Result<bytes::Bytes, HomeError> = Err(HomeError::Unavailable);

/// PM-10, T-043: an error of the peer is passed on, and the link stays.
#[tokio::test]
async fn pm_10_error_response_leaves_the_link_up() {
    let fixture = Fixture::new().await;
    let (mut peer, call) = fixture.up(request("push", Repeat::Unsent)).await;
    let (id, _) = peer.request().await;
    peer.reject(&id, ErrorCode::RateLimited).await;
    let rejected = HomeError::Rejected { code: "rate_limited".to_owned(), message: "text".to_owned() };
    assert_eq!(within("the error", call).await.unwrap(), Err(rejected));
    let call = fixture.call(request("push", Repeat::Unsent));
    let (id, _) = peer.request().await;
    peer.respond(&id).await;
    within("the result", call).await.unwrap().unwrap();
    assert!(fixture.has_not_dialled().await);
}

/// PM-8, T-045: of requests that may have arrived only repeatable ones are sent again, once and with the same id.
#[tokio::test]
async fn t_045_repeatable_calls_are_sent_once_more_after_a_lost_link() {
    for (repeat, is_repeated) in [(Repeat::Always, true), (Repeat::Keyed, true), (Repeat::Unsent, false)] {
        let fixture = Fixture::new().await;
        let (mut peer, call) = fixture.up(request("push", repeat)).await;
        let (id, _) = peer.request().await;
        peer.lose().await;
        if !is_repeated {
            assert_eq!(within("the failure", call).await.unwrap(), UNAVAILABLE);
            continue;
        }
        fixture.clock.until_armed(Duration::from_millis(500)).await;
        fixture.clock.advance(Duration::from_millis(500));
        let mut peer = fixture.dial().await.accept();
        peer.shake(&["idem"]).await;
        assert_eq!(peer.request().await, (id, "push".to_owned()));
        peer.lose().await;
        assert_eq!(within("the failure", call).await.unwrap(), UNAVAILABLE, "one repetition only");
    }
}

/// PM-8, PM-9: an idempotency key makes a mutation repeatable with peers only that read it.
#[tokio::test]
async fn pm_9_keyed_call_is_not_repeated_to_a_peer_without_the_feature() {
    let fixture = Fixture::new().await;
    let call = fixture.call(request("push", Repeat::Keyed));
    let mut peer = fixture.dial().await.accept();
    peer.shake(&[]).await;
    peer.request().await;
    peer.lose().await;
    assert_eq!(within("the failure", call).await.unwrap(), UNAVAILABLE);
}

/// FM-6, PM-7: a call that times out fails alone; the late response is dropped.
#[tokio::test]
async fn fm_6_timed_out_call_leaves_the_link_up() {
    let fixture = Fixture::new().await;
    let (mut peer, call) = fixture.up(request("push", Repeat::Always)).await;
    let (late, _) = peer.request().await;
    fixture.clock.advance(Duration::from_secs(20));
    assert_eq!(within("the failure", call).await.unwrap(), UNAVAILABLE);
    peer.respond(&late).await;
    let call = fixture.call(request("push", Repeat::Always));
    let (id, _) = peer.request().await;
    peer.respond(&id).await;
    within("the result", call).await.unwrap().unwrap();
}

/// CN-1, FM-26: a request above the bound of the peer is not sent, and the link stays.
#[tokio::test]
async fn fm_26_oversized_request_is_not_sent() {
    let fixture = Fixture::new().await;
    let call = fixture.call(request("push", Repeat::Unsent));
    let mut peer = fixture.dial().await.accept();
    peer.shake_as(crate::fixture::PEER, &[], 1000).await;
    let (id, _) = peer.request().await;
    peer.respond(&id).await;
    within("the result", call).await.unwrap().unwrap();
    let params = [&[0xa1, 0x61, b'a', 0x59, 0x04, 0x00][..], &[0; 1024]].concat();
    let large = OutboundCall { params: params.into(), ..request("push", Repeat::Unsent) };
    assert_eq!(within("the failure", fixture.call(large)).await.unwrap(), Err(HomeError::TooLarge));
    assert_eq!(fixture.outbound.open_links(), 1);
}

/// PM-11: the peer's bound on concurrent requests is kept; further calls wait two seconds for a place.
#[tokio::test]
async fn pm_11_calls_beyond_the_bound_of_the_peer_wait_and_fail() {
    let fixture = Fixture::new().await;
    let (mut peer, _first) = fixture.up(request("push", Repeat::Unsent)).await;
    let more: Vec<_> = (1..32).map(|_| fixture.call(request("push", Repeat::Unsent))).collect();
    let mut ids = Vec::new();
    for _ in 0..32 {
        ids.push(peer.request().await.0);
    }
    let surplus = fixture.call(request("push", Repeat::Unsent));
    let patient = fixture.call(request("push", Repeat::Unsent));
    fixture.clock.until_armed(Duration::from_secs(2)).await;
    peer.respond(&ids[0]).await;
    let (id, _) = peer.request().await;
    fixture.clock.advance(Duration::from_secs(2));
    peer.respond(&id).await;
    let outcomes =
        [within("an outcome", surplus).await.unwrap(), within("an outcome", patient).await.unwrap()];
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1, "{outcomes:?}");
    assert!(outcomes.contains(&Err(HomeError::Busy)), "{outcomes:?}");
    drop(more);
}

/// FM-27, FM-29: chunks, notifications and requests that nobody asked for are ignored; a message that is no frame ends the link.
#[tokio::test]
async fn fm_29_unasked_frames_are_ignored_and_garbage_ends_the_link() {
    use less_sync_core::frame;
    let fixture = Fixture::new().await;
    let (mut peer, call) = fixture.up(request("push", Repeat::Unsent)).await;
    let (id, _) = peer.request().await;
    let nothing = less_sync_core::wire::Empty;
    let mut chunk = Vec::new();
    frame::write_chunk(&mut chunk, &id, "pull.record", &nothing);
    for message in [
        chunk.into(),
        frame::notification("sync", &nothing),
        frame::request("1", "push", &nothing),
        frame::response("nobody", &nothing),
        bytes::Bytes::from_static(frame::KEEPALIVE),
    ] {
        peer.send(Received::Message(message)).await;
    }
    peer.respond(&id).await;
    within("the result", call).await.unwrap().unwrap();
    peer.send(Received::Message(bytes::Bytes::from_static(b"\xff\xff"))).await;
    assert_eq!(peer.close().await.0, 4005);
}

//! Calls and their responses.

use std::time::Duration;

use bytes::Bytes;
use less_sync_client::{CallError, Change, Code, Ended, Options, PushError, Watch};
use less_sync_core::wire::push::{PushParams, PushResult};
use less_sync_core::wire::subscribe::{Peer, SpaceError, SpaceState, SubscribeParams, SubscribeResult};
use less_sync_core::wire::token::TokenRefreshResult;
use less_sync_core::wire::{DekField, Empty};
use less_sync_core::{Epoch, ErrorCode, frame};
use pretty_assertions::assert_eq;

use crate::fake::{OTHER, SPACE, at, connected, record};

#[tokio::test]
async fn push_sends_every_change_and_returns_the_new_cursor() {
    let (connection, _events, mut peer) = connected(Options::default()).await;
    let changes = [
        Change::create(record(1), "one").with_dek(vec![7; 44]),
        Change::update(record(2), at(4), ""),
        Change::delete(record(3), at(5)),
    ];
    let server = async {
        let asked = peer.asked().await;
        let params: PushParams<'_> = asked.params();
        assert_eq!(params.space, SPACE.to_string());
        let changes: Vec<_> =
            params.changes.iter().map(|change| (change.blob, change.expected_cursor, change.dek)).collect();
        assert_eq!(
            changes,
            [
                (Some(&b"one"[..]), 0, DekField::Stated(&[7; 44])),
                (Some(&b""[..]), 4, DekField::Absent),
                (None, 5, DekField::Absent)
            ]
        );
        peer.respond(&asked, &PushResult { ok: true, cursor: at(9), error: None }).await;
    };
    let (pushed, ()) = tokio::join!(connection.push(SPACE, &changes), server);
    assert_eq!(pushed.unwrap(), at(9));
}

#[tokio::test]
async fn rejected_push_carries_the_code_and_the_cursor_of_the_space() {
    let (connection, _events, mut peer) = connected(Options::default()).await;
    let server = async {
        for code in ["conflict", "brand_new"] {
            let asked = peer.asked().await;
            peer.respond(&asked, &PushResult { ok: false, cursor: at(3), error: Some(code) }).await;
        }
    };
    let client = async {
        let mut rejections = Vec::new();
        for _ in 0..2 {
            match connection.push(SPACE, &[]).await {
                Err(PushError::Rejected { code, cursor }) => rejections.push((code, cursor)),
                other => panic!("{other:?}"),
            }
        }
        rejections
    };
    let (rejections, ()) = tokio::join!(client, server);
    assert_eq!(
        rejections,
        [(Code::Known(ErrorCode::Conflict), at(3)), (Code::Unknown("brand_new".to_owned()), at(3))]
    );
}

#[tokio::test]
async fn responses_are_matched_to_their_calls_in_any_order() {
    let (connection, _events, mut peer) = connected(Options::default()).await;
    let server = async {
        let first = peer.asked().await;
        let second = peer.asked().await;
        peer.respond(&second, &PushResult { ok: true, cursor: at(2), error: None }).await;
        peer.send(frame::response("stranger", &Empty)).await;
        peer.respond(&first, &PushResult { ok: true, cursor: at(1), error: None }).await;
    };
    let (first, second, ()) = tokio::join!(connection.push(SPACE, &[]), connection.push(OTHER, &[]), server);
    assert_eq!((first.unwrap(), second.unwrap()), (at(1), at(2)));
}

#[tokio::test]
async fn error_responses_carry_code_and_message() {
    let (connection, _events, mut peer) = connected(Options::default()).await;
    let server = async {
        let asked = peer.asked().await;
        peer.send(frame::error(&asked.id, ErrorCode::MethodNotFound, "unknown method: x")).await;
    };
    let (response, ()) = tokio::join!(connection.call("x", &Empty), server);
    assert_eq!(response.unwrap_err().to_string(), "method_not_found: unknown method: x");
}

#[tokio::test]
async fn responses_of_another_form_are_undecodable() {
    let (connection, _events, mut peer) = connected(Options::default()).await;
    let server = async {
        let asked = peer.asked().await;
        peer.respond(&asked, &Empty).await;
        let asked = peer.asked().await;
        peer.respond(&asked, &PushResult { ok: false, cursor: at(1), error: None }).await;
    };
    let client = async { [connection.push(SPACE, &[]).await, connection.push(SPACE, &[]).await] };
    let (responses, ()) = tokio::join!(client, server);
    for response in responses {
        assert!(matches!(response, Err(PushError::Call(CallError::Undecodable))), "{response:?}");
    }
}

#[tokio::test]
async fn subscribe_separates_watched_and_rejected_spaces() {
    let (connection, _events, mut peer) = connected(Options::default()).await;
    let mut watch = Watch::from(SPACE);
    (watch.presence, watch.since) = (true, at(7));
    let server = async {
        let asked = peer.asked().await;
        let params: SubscribeParams<'_> = asked.params();
        assert_eq!(
            params.spaces.iter().map(|entry| (entry.since, entry.presence)).collect::<Vec<_>>(),
            [(7, true), (0, false)]
        );
        let (space, other) = (SPACE.to_string(), OTHER.to_string());
        let state = SpaceState {
            id: &space,
            cursor: at(8),
            key_generation: Epoch::FIRST,
            rewrap_epoch: None,
            token: None,
            token_expires: None,
            peers: vec![Peer { peer: "p", data: b"here" }],
        };
        let errors = vec![SpaceError { space: &other, error: "forbidden" }];
        peer.respond(&asked, &SubscribeResult { spaces: vec![state], errors }).await;
    };
    let watches = [watch, Watch::from(OTHER)];
    let (subscribed, ()) = tokio::join!(connection.subscribe(&watches), server);
    let subscribed = subscribed.unwrap();
    let granted = subscribed.spaces.first().unwrap();
    assert_eq!((granted.space, granted.cursor), (SPACE, at(8)));
    assert_eq!(granted.peers.first().unwrap().data, Bytes::from_static(b"here"));
    assert_eq!(subscribed.rejected, [(OTHER, Code::Known(ErrorCode::Forbidden))]);
}

#[tokio::test]
async fn rejected_token_refresh_is_a_response_and_not_an_error() {
    let (connection, _events, mut peer) = connected(Options::default()).await;
    let server = async {
        let asked = peer.asked().await;
        peer.respond(&asked, &TokenRefreshResult { ok: false, error: Some("expired auth token") }).await;
    };
    let token = "new".into();
    let (refreshed, ()) = tokio::join!(connection.refresh_token(&token), server);
    assert_eq!(refreshed.unwrap(), Err("expired auth token".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn call_without_a_response_times_out_and_its_late_response_is_discarded() {
    let options = Options { call_timeout: Duration::from_secs(3), ..Options::default() };
    let (connection, _events, mut peer) = connected(options).await;
    let began = tokio::time::Instant::now();
    assert!(matches!(connection.call("slow", &Empty).await, Err(CallError::Timeout)));
    assert_eq!(began.elapsed(), Duration::from_secs(3));
    let late = peer.asked().await;
    peer.respond(&late, &Empty).await;
    let server = async {
        let asked = peer.asked().await;
        peer.respond(&asked, &Empty).await;
    };
    let (response, ()) = tokio::join!(connection.call("quick", &Empty), server);
    response.unwrap();
}

#[tokio::test]
async fn calls_of_an_ended_connection_fail_immediately() {
    let (connection, _events, mut peer) = connected(Options::default()).await;
    let server = async {
        peer.asked().await;
        peer.close(4006, "slow consumer").await;
    };
    let (during, ()) = tokio::join!(connection.call("x", &Empty), server);
    let after = connection.call("x", &Empty).await;
    for response in [during, after] {
        match response {
            Err(CallError::Ended(Ended::Closed { code: 4006, reason })) => {
                assert_eq!(reason, "slow consumer");
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(connection.set_presence(SPACE, b"x").await.is_err());
}

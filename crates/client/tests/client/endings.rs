//! Ends of connections.

use std::time::Duration;

use less_sync_client::{Auth, Connection, Ended, Options};
use less_sync_core::frame;
use pretty_assertions::assert_eq;
use tokio_tungstenite::tungstenite::Message;

use crate::fake::{connected, pipe};

#[tokio::test]
async fn close_sends_a_close_frame_and_waits_for_the_echo() {
    let (connection, mut events, mut peer) = connected(Options::default()).await;
    let server = async {
        let goodbye = peer.receive().await;
        while peer.receive().await.is_some() {}
        goodbye
    };
    let ((), goodbye) = tokio::join!(connection.close(), server);
    match goodbye {
        Some(Message::Close(Some(close))) => {
            assert_eq!((u16::from(close.code), close.reason.as_str()), (1000, "client close"));
        }
        other => panic!("{other:?}"),
    }
    assert!(connection.ended().is_some());
    assert_eq!(events.next().await, None);
}

#[tokio::test(start_paused = true)]
async fn close_of_an_unresponsive_server_takes_one_second() {
    let (connection, _events, _peer) = connected(Options::default()).await;
    let began = tokio::time::Instant::now();
    connection.close().await;
    assert_eq!(began.elapsed(), Options::default().close_timeout);
    assert!(matches!(connection.ended(), Some(Ended::ByUs)));
}

#[tokio::test]
async fn dropping_the_last_handle_ends_the_connection() {
    let (connection, events, mut peer) = connected(Options::default()).await;
    let clone = connection.clone();
    drop((connection, events));
    assert!(clone.ended().is_none());
    drop(clone);
    while peer.receive().await.is_some() {}
}

#[tokio::test]
async fn rejected_token_is_a_final_close() {
    let (connection, _events, mut peer) = connected(Options::default()).await;
    peer.close(4000, "expired auth token").await;
    let ended = connection.until_ended().await;
    assert!(ended.is_final());
    assert_eq!(ended.to_string(), "the server closed the connection: 4000 expired auth token");
    assert!(!Ended::Closed { code: 4001, reason: String::new() }.is_final());
}

#[tokio::test(start_paused = true)]
async fn silent_server_is_a_lost_connection_and_keepalives_count_as_messages() {
    let (connection, _events, mut peer) = connected(Options::default()).await;
    for _ in 0..4 {
        tokio::time::sleep(Duration::from_secs(70)).await;
        assert!(connection.ended().is_none());
        peer.send(frame::KEEPALIVE).await;
    }
    let began = tokio::time::Instant::now();
    assert!(matches!(connection.until_ended().await, Ended::Silent));
    assert!(began.elapsed() <= Duration::from_secs(75));
}

#[tokio::test]
async fn malformed_messages_end_the_connection() {
    for message in [
        Message::Text("hello".into()),
        Message::Binary(vec![0xa1].into()),
        Message::Binary(vec![0xf6, 0xf6].into()),
        Message::Binary(Vec::new().into()),
    ] {
        let (connection, _events, mut peer) = connected(Options::default()).await;
        peer.send_message(message.clone()).await;
        assert!(matches!(connection.until_ended().await, Ended::Unreadable), "{message:?}");
    }
}

#[tokio::test]
async fn socket_that_ends_without_a_close_frame_is_a_lost_connection() {
    let (connection, _events, peer) = connected(Options::default()).await;
    drop(peer);
    assert!(matches!(connection.until_ended().await, Ended::Lost(None)));
}

#[tokio::test]
async fn pings_are_answered() {
    let (_connection, _events, mut peer) = connected(Options::default()).await;
    peer.send_message(Message::Ping("42".into())).await;
    assert_eq!(peer.receive().await, Some(Message::Pong("42".into())));
}

#[tokio::test]
async fn connection_authenticated_at_dial_sends_no_token() {
    let (client, mut peer) = pipe().await;
    let (connection, _events) = Connection::over(client, Auth::AtDial, Options::default());
    let server = async {
        let asked = peer.asked().await;
        peer.respond(&asked, &less_sync_core::wire::Empty).await;
    };
    let (response, ()) = tokio::join!(connection.call("fed.hello", &less_sync_core::wire::Empty), server);
    response.unwrap();
}

//! Presence and events (protocol §4.19).

use std::time::Duration;

use bytes::Bytes;

use crate::fixture::{
    Client, HERE, Received, THERE, broker, connection, only, peer_of, push, state, subscribed_clients,
};

/// P-210, P-217.
#[test]
fn peers_lists_all_present_connections_but_the_asking_one() {
    let (broker, [one, two, asking]) = subscribed_clients();
    for (sender, data) in [(&one, b"one"), (&two, b"two"), (&asking, b"me!")] {
        broker.set_presence(HERE, sender.id, data);
    }
    let mut peers = broker.peers(HERE, asking.id, 100);
    peers.sort_by(|a, b| a.1.cmp(&b.1));
    let data: Vec<_> = peers.iter().map(|(_, data)| data.clone()).collect();
    assert_eq!(data, [Bytes::from_static(b"one"), Bytes::from_static(b"two")]);
    assert_eq!(broker.peers(HERE, asking.id, 1).len(), 1);
    assert_eq!(broker.peers(THERE, asking.id, 100), []);
}

/// P-211: on every set, also without change.
#[test]
fn presence_reaches_the_others_and_not_the_sender() {
    let (broker, [sender, client]) = subscribed_clients();
    broker.set_presence(HERE, sender.id, b"hello");
    broker.set_presence(HERE, sender.id, b"hello");
    assert_eq!(sender.received(), []);
    let received = client.received();
    assert_eq!(received.len(), 2);
    assert_eq!(received[0], received[1]);
    let peers = broker.peers(HERE, client.id, 100);
    let (peer, data) = peers[0].clone();
    assert_eq!(received[0], Received::Presence(peer, data.to_vec()));
}

/// P-212.
#[test]
fn clearing_is_announced_once_under_the_same_peer_id() {
    let (broker, [sender, client]) = subscribed_clients();
    broker.clear_presence(HERE, sender.id);
    assert_eq!(client.received(), [], "there was nothing to clear");
    broker.set_presence(HERE, sender.id, b"hello");
    let peer = peer_of(client.received());
    broker.clear_presence(HERE, sender.id);
    broker.clear_presence(HERE, sender.id);
    assert_eq!(client.received(), [Received::Leave(peer)]);
    assert_eq!(sender.received(), []);
    assert_eq!(broker.peers(HERE, client.id, 100), []);
}

/// P-173, P-213.
#[test]
fn unsubscribing_clears_presence_and_announces_it() {
    let (broker, [leaver, client]) = subscribed_clients();
    broker.set_presence(HERE, leaver.id, b"hello");
    let peer = peer_of(client.received());
    broker.unsubscribe(HERE, leaver.id);
    assert_eq!(client.received(), [Received::Leave(peer)]);
    assert_eq!(leaver.received(), []);
    assert_eq!(broker.peers(HERE, client.id, 100), []);
}

/// P-220.
#[test]
fn unsubscribing_clears_no_presence_of_other_connections_or_spaces() {
    let (broker, [leaver, stayer]) = subscribed_clients();
    leaver.subscribe(&broker, THERE, 0);
    for sender in [&leaver, &stayer] {
        broker.set_presence(HERE, sender.id, b"here");
    }
    broker.set_presence(THERE, leaver.id, b"there");
    broker.unsubscribe(HERE, leaver.id);
    assert_eq!(broker.peers(HERE, connection(0xff), 100).len(), 1);
    assert_eq!(broker.peers(THERE, connection(0xff), 100).len(), 1);
}

/// P-214, P-216.
#[test]
fn data_beyond_the_limit_is_ignored() {
    let (broker, [sender, client]) = subscribed_clients();
    broker.set_presence(HERE, sender.id, &[0; 1025]);
    broker.send_event(HERE, sender.id, &[0; 4097]);
    assert_eq!(client.received(), []);
    broker.set_presence(HERE, sender.id, &[1; 1024]);
    broker.send_event(HERE, sender.id, &[2; 4096]);
    let received = client.received();
    assert!(matches!(&received[0], Received::Presence(_, data) if data == &[1; 1024]));
    assert!(matches!(&received[1], Received::Event(_, data) if data == &[2; 4096]));
}

#[test]
fn empty_data_is_allowed() {
    let (broker, [sender, client]) = subscribed_clients();
    broker.set_presence(HERE, sender.id, b"");
    broker.send_event(HERE, sender.id, b"");
    assert_eq!(client.received().len(), 2);
}

/// P-215, P-218: presence and events of one connection carry one peer id.
#[test]
fn event_reaches_the_others_and_is_not_stored() {
    let (broker, [sender, client]) = subscribed_clients();
    broker.set_presence(HERE, sender.id, b"hello");
    let peer = peer_of(client.received());
    broker.send_event(HERE, sender.id, b"pointer");
    assert_eq!(client.received(), [Received::Event(peer.clone(), b"pointer".to_vec())]);
    assert_eq!(sender.received(), []);
    assert_eq!(broker.peers(HERE, client.id, 100), [(peer, Bytes::from_static(b"hello"))]);
}

/// P-218.
#[test]
fn peer_id_differs_between_spaces() {
    let (broker, [sender, client]) = subscribed_clients();
    for member in [&sender, &client] {
        member.subscribe(&broker, THERE, 0);
    }
    broker.send_event(HERE, sender.id, b"here");
    let here = peer_of(client.received());
    broker.send_event(THERE, sender.id, b"there");
    assert_ne!(here, peer_of(client.received()));
}

/// P-219.
#[test]
fn channel_is_freed_by_the_last_peer_that_leaves() {
    let (broker, [one, two]) = subscribed_clients();
    broker.set_presence(HERE, one.id, b"one");
    broker.set_presence(HERE, two.id, b"two");
    broker.unsubscribe(HERE, one.id);
    broker.unsubscribe(HERE, two.id);
    assert_eq!(broker.metrics().presence_entries.get(), 0);
    assert_eq!(broker.metrics().spaces_watched.get(), 0);
}

/// P-221.
#[test]
fn entry_101_is_rejected_and_updates_pass() {
    let (broker, senders) = subscribed_clients::<101>();
    let client = Client::new(200);
    client.subscribe(&broker, HERE, 5);
    for sender in &senders {
        broker.set_presence(HERE, sender.id, b"hello");
    }
    assert_eq!(client.received().len(), 100);
    broker.set_presence(HERE, senders[0].id, b"still here");
    assert!(matches!(only(client.received()), Received::Presence(_, data) if data == b"still here"));
    broker.clear_presence(HERE, senders[0].id);
    broker.set_presence(HERE, senders[100].id, b"at last");
    assert_eq!(client.received().len(), 2);
    assert_eq!(broker.metrics().presence_entries.get(), 100);
}

/// P-222, X-15.
#[tokio::test(start_paused = true)]
async fn stale_presence_is_removed_and_announced_to_all_subscribers() {
    let (broker, [stale, fresh]) = subscribed_clients();
    broker.set_presence(HERE, stale.id, b"stale");
    broker.set_presence(HERE, fresh.id, b"fresh");
    tokio::time::advance(Duration::from_secs(30)).await;
    broker.set_presence(HERE, fresh.id, b"fresh");
    tokio::time::advance(Duration::from_millis(14_999)).await;
    broker.sweep_presence();
    assert_eq!(broker.metrics().presence_entries.get(), 2, "not stale before 45 s");
    let peer = peer_of(fresh.received());
    stale.received();
    tokio::time::advance(Duration::from_millis(1)).await;
    broker.sweep_presence();
    assert_eq!(fresh.received(), [Received::Leave(peer.clone())]);
    assert_eq!(stale.received(), [Received::Leave(peer)], "also to the connection of the entry");
    assert_eq!(broker.peers(HERE, stale.id, 100).len(), 1);
    broker.sweep_presence();
    assert_eq!(fresh.received(), []);
}

/// with the cadence of the job, between 45 s and 60 s.
#[tokio::test(start_paused = true)]
async fn sweep_announces_stale_presence_within_a_minute() {
    let (broker, [sender, client]) = subscribed_clients();
    let sweep = less_sync_realtime::PresenceSweep {
        broker: broker.clone(),
        clock: std::sync::Arc::new(crate::fixture::TokioClock),
        every: Duration::from_secs(15),
    };
    let set_at = tokio::time::Instant::now() + Duration::from_secs(7);
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let leave = async {
        tokio::time::sleep_until(set_at).await;
        broker.set_presence(HERE, sender.id, b"hello");
        client.received();
        std::future::poll_fn(|cx| client.outbox.poll_ready(cx)).await;
        let age = set_at.elapsed();
        assert!((Duration::from_secs(45)..Duration::from_mins(1)).contains(&age), "{age:?}");
        assert!(matches!(only(client.received()), Received::Leave(_)));
        stop.send(()).unwrap();
    };
    tokio::join!(leave, sweep.run(async { stopped.await.unwrap() }));
}

#[test]
fn only_confirmed_subscribers_may_send() {
    let (broker, [client]) = subscribed_clients();
    let stranger = Client::new(9);
    broker.set_presence(HERE, stranger.id, b"hello");
    broker.send_event(HERE, stranger.id, b"hello");
    let id = stranger.register(&broker, HERE);
    broker.set_presence(HERE, stranger.id, b"not authorized yet");
    broker.send_event(HERE, stranger.id, b"not authorized yet");
    assert_eq!(client.received(), []);
    broker.confirm(HERE, stranger.id, id, state(5));
    broker.send_event(HERE, stranger.id, b"the response is on its way");
    assert_eq!(client.received().len(), 1);
}

/// A client that does not wait for its response may send while it subscribes again.
#[test]
fn subscribing_again_keeps_the_right_to_send() {
    let (broker, [sender, client]) = subscribed_clients();
    let _id = sender.register(&broker, HERE);
    broker.send_event(HERE, sender.id, b"hello");
    assert_eq!(client.received().len(), 1);
}

/// Protocol §2.7: peers that exceeded the response follow, unless the space was unsubscribed meanwhile.
#[test]
fn frame_for_one_subscriber_is_dropped_after_unsubscribing() {
    let broker = broker();
    let client = Client::new(1);
    client.subscribe(&broker, HERE, 5);
    push(&broker, HERE, 6);
    let frame = client.frames().remove(0);
    broker.send_ephemeral(HERE, client.id, frame.clone());
    assert_eq!(client.frames(), std::slice::from_ref(&frame));
    broker.unsubscribe(HERE, client.id);
    broker.send_ephemeral(HERE, client.id, frame);
    assert_eq!(client.frames(), Vec::<Bytes>::new());
}

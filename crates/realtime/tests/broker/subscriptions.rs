//! Life cycle of a subscription: registration, confirmation, activation, end (protocol §6.2, G2, G4).

use bytes::Bytes;
use less_sync_realtime::{AfterWrite, PendingSubscription, Reply};

use crate::fixture::{Client, HERE, Received, THERE, broker, push, push_from, state, subscribed_clients};

/// B-13, G2.
#[test]
fn push_between_registration_and_reading_the_state_is_delivered_after_the_response() {
    let broker = broker();
    let client = Client::new(1);
    let id = client.register(&broker, HERE);
    push(&broker, HERE, 6);
    broker.confirm(HERE, client.id, id, state(5));
    push(&broker, HERE, 7);
    assert_eq!(client.received(), [], "nothing before the response");
    broker.activate(HERE, client.id, id);
    push(&broker, HERE, 8);
    assert_eq!(client.received(), [Received::Sync(5, 6), Received::Sync(6, 7), Received::Sync(7, 8)]);
}

#[test]
fn push_that_is_part_of_the_state_is_not_delivered() {
    let broker = broker();
    let client = Client::new(1);
    let id = client.register(&broker, HERE);
    push(&broker, HERE, 6);
    broker.confirm(HERE, client.id, id, state(6));
    broker.activate(HERE, client.id, id);
    assert_eq!(client.received(), []);
}

#[test]
fn pushes_buffered_out_of_order_are_delivered_in_order() {
    let broker = broker();
    let client = Client::new(1);
    let id = client.register(&broker, HERE);
    push(&broker, HERE, 8);
    push(&broker, HERE, 6);
    broker.confirm(HERE, client.id, id, state(5));
    broker.activate(HERE, client.id, id);
    push(&broker, HERE, 7);
    assert_eq!(client.received(), [Received::Sync(5, 6), Received::Sync(6, 7), Received::Sync(7, 8)]);
}

#[test]
fn more_than_64_buffered_events_become_one_pull_hint() {
    for buffered_before_confirmation in [true, false] {
        let broker = broker();
        let client = Client::new(1);
        let id = client.register(&broker, HERE);
        if !buffered_before_confirmation {
            broker.confirm(HERE, client.id, id, state(5));
        }
        (6..6 + 65).for_each(|number| push(&broker, HERE, number));
        if buffered_before_confirmation {
            broker.confirm(HERE, client.id, id, state(5));
        }
        broker.activate(HERE, client.id, id);
        push(&broker, HERE, 71);
        assert_eq!(client.received(), [Received::Hint(70), Received::Sync(70, 71)]);
        assert_eq!(broker.metrics().pull_hints.get(), 1);
    }
}

#[test]
fn exactly_64_buffered_events_are_delivered() {
    let broker = broker();
    let client = Client::new(1);
    let id = client.register(&broker, HERE);
    broker.confirm(HERE, client.id, id, state(5));
    (6..6 + 64).for_each(|number| push(&broker, HERE, number));
    broker.activate(HERE, client.id, id);
    assert_eq!(
        client.received(),
        (6..6 + 64).map(|number| Received::Sync(number - 1, number)).collect::<Vec<_>>()
    );
}

#[test]
fn buffered_events_that_are_part_of_the_state_make_room_for_later_ones() {
    let (broker, [client]) = subscribed_clients();
    let id = client.register(&broker, HERE);
    (6..70).for_each(|number| push(&broker, HERE, number));
    broker.confirm(HERE, client.id, id, state(69));
    (70..134).for_each(|number| push(&broker, HERE, number));
    broker.activate(HERE, client.id, id);
    let expected: Vec<_> = (70..134).map(|number| Received::Sync(number - 1, number)).collect();
    assert_eq!(client.received(), expected);
}

#[test]
fn state_older_than_the_delivered_cursor_repeats_nothing() {
    let (broker, [client]) = subscribed_clients();
    push(&broker, HERE, 6);
    assert_eq!(client.received(), [Received::Sync(5, 6)]);
    let id = client.register(&broker, HERE);
    broker.confirm(HERE, client.id, id, state(5));
    broker.activate(HERE, client.id, id);
    assert_eq!(client.received(), []);
}

#[test]
fn ephemeral_events_are_dropped_until_the_response_is_written() {
    let (broker, [sender]) = subscribed_clients();
    let client = Client::new(1);
    let id = client.register(&broker, HERE);
    broker.confirm(HERE, client.id, id, state(5));
    broker.send_event(HERE, sender.id, b"early");
    broker.activate(HERE, client.id, id);
    assert_eq!(client.received(), []);
}

#[test]
fn response_activates_only_the_registration_it_was_made_for() {
    let broker = broker();
    let client = Client::new(1);
    let first = client.register(&broker, HERE);
    broker.confirm(HERE, client.id, first, state(5));
    let second = client.register(&broker, HERE);
    push(&broker, HERE, 6);
    broker.activate(HERE, client.id, first);
    assert_eq!(client.received(), [], "the second response is outstanding");
    broker.confirm(HERE, client.id, first, state(6));
    broker.confirm(HERE, client.id, second, state(5));
    broker.activate(HERE, client.id, second);
    assert_eq!(client.received(), [Received::Sync(5, 6)]);
}

#[test]
fn subscribing_again_buffers_and_loses_nothing() {
    let (broker, [client]) = subscribed_clients();
    let id = client.register(&broker, HERE);
    push(&broker, HERE, 6);
    push(&broker, HERE, 7);
    broker.confirm(HERE, client.id, id, state(6));
    assert_eq!(client.received(), []);
    broker.activate(HERE, client.id, id);
    assert_eq!(client.received(), [Received::Sync(6, 7)]);
    assert_eq!(broker.metrics().subscriptions.get(), 1);
}

/// The earlier subscription goes on if the state could not be read for the new one.
#[test]
fn activation_without_confirmation_continues_the_earlier_subscription() {
    let (broker, [client]) = subscribed_clients();
    let id = client.register(&broker, HERE);
    push(&broker, HERE, 6);
    broker.activate(HERE, client.id, id);
    assert_eq!(client.received(), [Received::Sync(5, 6)]);
}

#[test]
fn activation_of_a_pending_subscription_does_nothing() {
    let broker = broker();
    let client = Client::new(1);
    let id = client.register(&broker, HERE);
    broker.activate(HERE, client.id, id);
    push(&broker, HERE, 6);
    assert_eq!(client.received(), []);
    assert!(!broker.is_subscribed(HERE, client.id));
    assert!(broker.unsubscribe(HERE, client.id));
}

/// Two subscribers read different states; the event in between was published before the second was confirmed.
#[test]
fn subscriber_with_an_older_state_is_sent_events_that_another_has_in_its_state() {
    let broker = broker();
    let (newer, older) = (Client::new(1), Client::new(2));
    let older_id = older.register(&broker, HERE);
    let newer_id = newer.register(&broker, HERE);
    push(&broker, HERE, 6);
    broker.confirm(HERE, newer.id, newer_id, state(6));
    broker.confirm(HERE, older.id, older_id, state(5));
    broker.activate(HERE, newer.id, newer_id);
    broker.activate(HERE, older.id, older_id);
    assert_eq!(newer.received(), []);
    assert_eq!(older.received(), [Received::Sync(5, 6)]);
}

/// As above, but the event is published after the newer state was confirmed, and counts as delivered.
#[test]
fn subscriber_with_an_older_state_than_the_start_is_sent_a_pull_hint() {
    let broker = broker();
    let (newer, older) = (Client::new(1), Client::new(2));
    let older_id = older.register(&broker, HERE);
    let newer_id = newer.register(&broker, HERE);
    broker.confirm(HERE, newer.id, newer_id, state(6));
    push(&broker, HERE, 6);
    broker.confirm(HERE, older.id, older_id, state(5));
    broker.activate(HERE, older.id, older_id);
    push(&broker, HERE, 7);
    assert_eq!(older.received(), [Received::Hint(6), Received::Sync(6, 7)]);
}

#[test]
fn subscriber_with_a_newer_state_is_not_sent_older_events() {
    let (broker, [older]) = subscribed_clients();
    let newer = Client::new(9);
    newer.subscribe(&broker, HERE, 7);
    (6..=8).for_each(|number| push(&broker, HERE, number));
    assert_eq!(newer.received(), [Received::Sync(7, 8)]);
    assert_eq!(older.received(), [Received::Sync(5, 6), Received::Sync(6, 7), Received::Sync(7, 8)]);
}

/// G2: effects of a response are deferred until it has been handed to the socket.
#[test]
fn written_response_activates_its_subscriptions() {
    let (broker, [sender]) = subscribed_clients();
    let client = Client::new(1);
    let id = client.register(&broker, HERE);
    broker.confirm(HERE, client.id, id, state(5));
    push(&broker, HERE, 6);
    let peers = Bytes::from_static(b"peers that did not fit");
    let after = AfterWrite {
        subscriptions: vec![PendingSubscription { space: HERE, id }],
        ephemeral: vec![(HERE, peers.clone())],
    };
    client.outbox.try_reply(Reply { frame: Bytes::from_static(b"response"), after: Some(after) });
    let response = client.outbox.take().unwrap();
    assert_eq!(response.frame, "response");
    assert!(client.outbox.is_empty(), "nothing before the response");
    broker.response_written(*response.after.unwrap(), client.id);
    broker.send_event(HERE, sender.id, b"live");
    let frames = client.frames();
    assert_eq!(frames.len(), 3);
    assert_eq!(frames[1], peers);
}

/// P-172, G4.
#[test]
fn unsubscribing_drops_queued_events_too() {
    let (broker, [leaver, stayer]) = subscribed_clients();
    leaver.subscribe(&broker, THERE, 0);
    push(&broker, HERE, 6);
    push(&broker, THERE, 1);
    broker.send_event(HERE, stayer.id, b"hello");
    assert!(broker.unsubscribe(HERE, leaver.id));
    push(&broker, HERE, 7);
    assert_eq!(leaver.received_in(), [(THERE, Received::Sync(0, 1))]);
    assert_eq!(stayer.received(), [Received::Sync(5, 6), Received::Sync(6, 7)]);
}

/// P-225.
#[test]
fn fan_out_follows_subscriptions() {
    let (broker, [first]) = subscribed_clients();
    let second = Client::new(9);
    push(&broker, HERE, 6);
    second.subscribe(&broker, HERE, 6);
    push(&broker, HERE, 7);
    broker.unsubscribe(HERE, first.id);
    push(&broker, HERE, 8);
    assert_eq!(second.received(), [Received::Sync(6, 7), Received::Sync(7, 8)]);
    second.subscribe(&broker, THERE, 0);
    push(&broker, THERE, 1);
    assert_eq!(second.received_in(), [(THERE, Received::Sync(0, 1))]);
}

/// P-227.
#[test]
fn second_unsubscribe_returns_false_and_no_state_is_left() {
    let (broker, [client]) = subscribed_clients();
    broker.set_presence(HERE, client.id, b"here");
    assert!(broker.unsubscribe(HERE, client.id));
    assert!(!broker.unsubscribe(HERE, client.id));
    assert!(!broker.unsubscribe(THERE, client.id));
    let metrics = broker.metrics();
    assert_eq!(metrics.subscriptions.get(), 0);
    assert_eq!(metrics.spaces_watched.get(), 0);
    assert_eq!(metrics.presence_entries.get(), 0);
    assert_eq!(broker.delivered_cursors(), []);
}

/// G5, across a reconnect: the origin is a connection, not a user.
#[test]
fn another_connection_of_the_same_user_receives_a_push() {
    let (broker, [pusher, other]) = subscribed_clients();
    push_from(&broker, HERE, 6, pusher.id);
    push(&broker, HERE, 7);
    assert_eq!(pusher.received(), [Received::Sync(6, 7)]);
    assert_eq!(other.received(), [Received::Sync(5, 6), Received::Sync(6, 7)]);
}

//! Events of spaces that other servers hold (federation §12.5, decision 0036).

use bytes::Bytes;
use less_sync_core::wire::event::{FileEvent, Sync};
use less_sync_core::wire::method;
use less_sync_core::{Epoch, frame};
use less_sync_engine::{HomeChange, HomeEvents as _, HomePosition};
use less_sync_realtime::Broker;

use crate::fixture::{Client, HERE, Received, broker, cursor, state, subscribed_clients};

fn position(number: u64) -> HomePosition {
    HomePosition { cursor: cursor(number), key_generation: Epoch::new(3).unwrap(), rewrap_epoch: None }
}

/// Announces a push at the home that led to `number`.
fn changed(broker: &Broker, number: u64) {
    let key_generation = Epoch::new(3).unwrap();
    let (prev, cursor) = (cursor(number - 1), cursor(number));
    // Records, or the `sync` would be a pull hint, are of no concern here.
    let sync = Sync { space: HERE, prev, cursor, key_generation, rewrap_epoch: None, records: Vec::new() };
    let frame = frame::notification(method::SYNC, &sync);
    let change = HomeChange { prev, position: position(number), frame, may_be_second: false };
    broker.changed(HERE, change);
}

fn file(number: u64) -> Bytes {
    frame::notification(method::FILE, &FileEvent { space: HERE, cursor: cursor(number), files: Vec::new() })
}

fn file_changed(broker: &Broker, number: u64) {
    let (prev, position) = (cursor(number - 1), position(number));
    broker.changed(HERE, HomeChange { prev, position, frame: file(number), may_be_second: true });
}

/// Changes of the home and forwarded ones are one sequence: an early one waits, a repeated one is dropped.
#[test]
fn events_of_the_home_are_delivered_in_order_and_once() {
    let (broker, [client]) = subscribed_clients::<1>();
    changed(&broker, 7);
    assert_eq!(client.received(), []);
    changed(&broker, 6);
    assert_eq!(client.received(), [Received::Sync(5, 6), Received::Sync(6, 7)]);
    changed(&broker, 7);
    assert_eq!(client.received(), []);
}

/// Protocol §5.1: files that were deleted with their records follow the `sync` with the same cursor.
#[test]
fn second_notification_of_a_change_follows_the_first() {
    let (broker, [client]) = subscribed_clients::<1>();
    changed(&broker, 6);
    file_changed(&broker, 6);
    let frames = client.frames();
    assert_eq!((frames.len(), &frames[1]), (2, &file(6)));
    // While the first one waits for an earlier change.
    changed(&broker, 8);
    file_changed(&broker, 8);
    assert!(client.frames().is_empty());
    changed(&broker, 7);
    let frames = client.frames();
    assert_eq!((frames.len(), &frames[2]), (3, &file(8)));
    // Of its own, a file is a change like any other.
    file_changed(&broker, 9);
    assert_eq!(client.frames(), [file(9)]);
}

/// The second notification of a change that the response does not show is buffered with the first.
#[test]
fn second_notification_is_buffered_for_the_response() {
    let broker = broker();
    let client = Client::new(0);
    let id = client.register(&broker, HERE);
    broker.confirm(HERE, client.id, id, state(5));
    changed(&broker, 6);
    file_changed(&broker, 6);
    file_changed(&broker, 5);
    assert!(client.frames().is_empty());
    broker.activate(HERE, client.id, id);
    let frames = client.frames();
    assert_eq!((frames.len(), &frames[1]), (2, &file(6)));
}

/// Federation CU-4: every subscriber gets the pull hint, and the changes behind the missing ones follow.
#[test]
fn pull_hint_stands_for_what_is_missing() {
    let (broker, [one, two]) = subscribed_clients::<2>();
    changed(&broker, 9);
    broker.hint(HERE, position(8));
    for client in [&one, &two] {
        assert_eq!(client.received(), [Received::Hint(8), Received::Sync(8, 9)]);
    }
    broker.hint(HERE, position(9));
    assert_eq!(one.received(), [Received::Hint(9)], "asked for, whatever was delivered");
}

/// Federation §12.7: deliveries go on at a lower cursor, for pending subscribers as well.
#[test]
fn restored_home_is_followed_at_its_lower_cursor() {
    let (broker, [client]) = subscribed_clients::<1>();
    let late = Client::new(9);
    let id = late.register(&broker, HERE);
    broker.confirm(HERE, late.id, id, state(5));
    changed(&broker, 8);
    broker.rewound(HERE, position(3));
    assert_eq!(client.received(), [Received::Hint(3)]);
    changed(&broker, 4);
    assert_eq!(client.received(), [Received::Sync(3, 4)]);
    broker.activate(HERE, late.id, id);
    assert_eq!(late.received(), [Received::Hint(4)]);
    assert_eq!(broker.delivered(HERE), Some(cursor(4)));
}

#[test]
fn notices_of_the_home_reach_every_subscriber() {
    let (broker, [one, two]) = subscribed_clients::<2>();
    broker.revoked(HERE);
    broker.resubscribe(HERE);
    for client in [&one, &two] {
        assert_eq!(client.received(), [Received::Revoked, Received::Resubscribe(vec![HERE])]);
    }
    // The subscriptions live on.
    changed(&broker, 6);
    assert_eq!(one.received(), [Received::Sync(5, 6)]);
}

//! Durable events: fan-out, encoding, slow consumers (protocol §1.8, §5.1).

use bytes::Bytes;
use less_sync_core::{Close, Epoch, limits};
use less_sync_engine::{PushedEvent, SpaceEvent, SpaceEvents};
use less_sync_storage::{Change, RecordState};

use crate::fixture::{
    Client, HERE, Received, THERE, connection, peer_of, push, push_from, push_of, subscribed_clients,
};

/// P-224, G5.
#[test]
fn fan_out_targets_the_space_and_skips_the_origin() {
    let (broker, [pusher, subscriber]) = subscribed_clients();
    let elsewhere = Client::new(9);
    elsewhere.subscribe(&broker, THERE, 5);
    push_from(&broker, HERE, 6, pusher.id);
    assert_eq!(pusher.received(), []);
    assert_eq!(subscriber.received_in(), [(HERE, Received::Sync(5, 6))]);
    assert_eq!(elsewhere.received(), []);
}

/// B-24: a single encoding, shared by all subscribers.
#[test]
fn push_is_encoded_once_for_all_subscribers() {
    let (broker, [one, other]) = subscribed_clients();
    push(&broker, HERE, 6);
    let ([one], [other]) = (one.frames().try_into().unwrap(), other.frames().try_into().unwrap());
    let (one, other): (Bytes, Bytes) = (one, other);
    assert_eq!(one.as_ptr(), other.as_ptr());
}

/// Newer-clients §2: both generations of clients read the same frame.
#[test]
fn sync_carries_both_spellings() {
    let (broker, [subscriber]) = subscribed_clients();
    let mut event = push_of(HERE, 6, connection(0xff), 16);
    let state = RecordState::Live {
        blob: Bytes::from_static(b"blob"),
        dek: Some([0x44; 44].as_slice().try_into().unwrap()),
    };
    event.changes =
        event.changes.iter().map(|change| Change { state: state.clone(), ..change.clone() }).collect();
    event.rewrap_epoch = Some(Epoch::new(3).unwrap());
    broker.publish(SpaceEvent::Pushed(event));
    let frames = subscriber.frames();
    let text = String::from_utf8_lossy(&frames[0]);
    for key in ["key_generation", "epoch", "rewrap_epoch", "dek", "wrapped_dek"] {
        assert!(text.contains(key), "{key}");
    }
}

///
#[test]
fn push_too_large_for_one_frame_becomes_a_pull_hint() {
    let (broker, [subscriber]) = subscribed_clients();
    let large = |number, size| SpaceEvent::Pushed(push_of(HERE, number, connection(0xff), size));
    broker.publish(large(6, limits::OUTBOUND_FRAME));
    broker.publish(large(7, limits::OUTBOUND_FRAME - 64));
    broker.publish(large(8, limits::OUTBOUND_FRAME - 512));
    let frames = subscriber.frames();
    assert!(frames.iter().all(|frame| frame.len() <= limits::OUTBOUND_FRAME));
    let sizes: Vec<_> = frames.iter().map(|frame| frame.len() > 1024).collect();
    assert_eq!(sizes, [false, false, true]);
}

#[test]
fn pull_hint_for_a_large_push_is_followed_by_the_next_push() {
    let (broker, [subscriber]) = subscribed_clients();
    broker.publish(SpaceEvent::Pushed(push_of(HERE, 6, connection(0xff), limits::OUTBOUND_FRAME)));
    push(&broker, HERE, 7);
    assert_eq!(subscriber.received(), [Received::Hint(6), Received::Sync(6, 7)]);
}

#[test]
fn tombstone_is_sent_without_blob_and_key() {
    let (broker, [subscriber]) = subscribed_clients();
    let event = push_of(HERE, 6, connection(0xff), 0);
    let changes =
        event.changes.iter().map(|change| Change { state: RecordState::Tombstone, ..change.clone() });
    broker.publish(SpaceEvent::Pushed(PushedEvent { changes: changes.collect(), ..event }));
    let frames = subscriber.frames();
    let text = String::from_utf8_lossy(&frames[0]);
    assert!(text.contains("deleted"));
    assert!(!text.contains("blob") && !text.contains("dek"));
}

/// G3.
#[test]
fn events_published_out_of_order_are_delivered_in_order_and_once() {
    let (broker, [subscriber]) = subscribed_clients();
    for number in [8, 7, 8, 6, 7, 9] {
        push(&broker, HERE, number);
    }
    let expected: Vec<_> = (6..=9).map(|number| Received::Sync(number - 1, number)).collect();
    assert_eq!(subscriber.received(), expected);
}

#[test]
fn too_many_events_after_a_lost_one_become_a_pull_hint() {
    let (broker, [subscriber]) = subscribed_clients();
    (7..7 + 129).for_each(|number| push(&broker, HERE, number));
    push(&broker, HERE, 136);
    assert_eq!(subscriber.received(), [Received::Hint(135), Received::Sync(135, 136)]);
}

/// B-01, P-226.
#[test]
fn slow_consumer_is_closed_and_unsubscribed() {
    let (broker, [stalled, reader]) = subscribed_clients();
    broker.set_presence(HERE, stalled.id, b"here");
    let peer = peer_of(reader.received());
    let mut frames = Vec::new();
    for number in 6..6 + 300 {
        push(&broker, HERE, number);
        frames.extend(reader.received());
    }
    assert_eq!(stalled.outbox.closing(), Some(Close::SLOW_CONSUMER));
    assert_eq!(stalled.frames(), Vec::<Bytes>::new(), "queued frames are discarded");
    assert_eq!(frames.iter().filter(|received| matches!(received, Received::Sync(..))).count(), 300);
    assert_eq!(frames.iter().filter(|received| **received == Received::Leave(peer.clone())).count(), 1);
    assert!(!broker.unsubscribe(HERE, stalled.id), "already unsubscribed");
    assert_eq!(broker.metrics().slow_consumers.get(), 1);
    assert_eq!(broker.metrics().subscriptions.get(), 1);
}

/// P-226.
#[test]
fn closed_connection_is_unsubscribed_by_the_next_event() {
    let (broker, [closed, reader]) = subscribed_clients();
    closed.outbox.close(Close::IDLE);
    push(&broker, HERE, 6);
    assert_eq!(broker.metrics().subscriptions.get(), 1);
    assert_eq!(broker.metrics().slow_consumers.get(), 0);
    assert_eq!(reader.received(), [Received::Sync(5, 6)]);
    assert_eq!(closed.outbox.closing(), Some(Close::IDLE), "the first close wins");
}

#[test]
fn channel_is_freed_when_its_last_connection_is_found_closed() {
    let (broker, [closed]) = subscribed_clients();
    closed.outbox.close(Close::IDLE);
    push(&broker, HERE, 6);
    assert_eq!(broker.metrics().spaces_watched.get(), 0);
    assert_eq!(broker.delivered_cursors(), []);
}

#[test]
fn full_ephemeral_queue_drops_its_oldest_event() {
    let (broker, [sender, stalled]) = subscribed_clients();
    stalled.park();
    for number in 0..130_u8 {
        broker.send_event(HERE, sender.id, &[number]);
    }
    let received = stalled.received();
    assert_eq!(received.len(), 128);
    assert!(matches!(&received[0], Received::Event(_, data) if data == &[2]));
    assert_eq!(broker.metrics().ephemeral_dropped.get(), 2);
    assert_eq!(stalled.outbox.closing(), None);
}

#[test]
fn event_in_a_space_without_subscribers_is_dropped() {
    let (broker, [subscriber]) = subscribed_clients();
    push(&broker, THERE, 1);
    broker.unsubscribe(HERE, subscriber.id);
    push(&broker, HERE, 6);
    assert_eq!(subscriber.received(), []);
    assert_eq!(broker.delivered_cursors(), []);
}

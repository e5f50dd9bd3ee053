//! Durable events: who gets them, in which form, and what happens to those who do not read (protocol §1.8, §5.1).

use bytes::Bytes;
use less_sync_core::{Close, Epoch, limits};
use less_sync_engine::{PushedEvent, SpaceEvent, SpaceEvents};
use less_sync_storage::{Change, RecordState};

use crate::fixture::{HERE, Heard, Listener, THERE, audience, connection, peer_of, push, push_from, push_of};

/// P-224, G5.
#[test]
fn fan_out_targets_the_space_and_skips_whoever_pushed() {
    let (broker, [pusher, watcher]) = audience();
    let elsewhere = Listener::new(9);
    elsewhere.subscribe(&broker, THERE, 5);
    push_from(&broker, HERE, 6, pusher.id);
    assert_eq!(pusher.heard(), []);
    assert_eq!(watcher.heard_where(), [(HERE, Heard::Sync(5, 6))]);
    assert_eq!(elsewhere.heard(), []);
}

/// B-24: one encoding, shared by all.
#[test]
fn a_push_is_encoded_once_for_all_watchers() {
    let (broker, [one, other]) = audience();
    push(&broker, HERE, 6);
    let ([one], [other]) = (one.frames().try_into().unwrap(), other.frames().try_into().unwrap());
    let (one, other): (Bytes, Bytes) = (one, other);
    assert_eq!(one.as_ptr(), other.as_ptr());
}

/// Newer-clients §2: both generations of clients read the same frame.
#[test]
fn a_sync_carries_both_spellings() {
    let (broker, [watcher]) = audience();
    let mut event = push_of(HERE, 6, connection(0xff), 16);
    let state = RecordState::Live {
        blob: Bytes::from_static(b"blob"),
        dek: Some([0x44; 44].as_slice().try_into().unwrap()),
    };
    event.changes =
        event.changes.iter().map(|change| Change { state: state.clone(), ..change.clone() }).collect();
    event.rewrap_epoch = Some(Epoch::new(3).unwrap());
    broker.publish(SpaceEvent::Pushed(event));
    let frames = watcher.frames();
    let text = String::from_utf8_lossy(&frames[0]);
    for key in ["key_generation", "epoch", "rewrap_epoch", "dek", "wrapped_dek"] {
        assert!(text.contains(key), "{key}");
    }
}

///
#[test]
fn a_push_too_large_for_one_frame_becomes_a_hint() {
    let (broker, [watcher]) = audience();
    let large = |number, size| SpaceEvent::Pushed(push_of(HERE, number, connection(0xff), size));
    broker.publish(large(6, limits::OUTBOUND_FRAME));
    broker.publish(large(7, limits::OUTBOUND_FRAME - 64));
    broker.publish(large(8, limits::OUTBOUND_FRAME - 512));
    let frames = watcher.frames();
    assert!(frames.iter().all(|frame| frame.len() <= limits::OUTBOUND_FRAME));
    let sizes: Vec<_> = frames.iter().map(|frame| frame.len() > 1024).collect();
    assert_eq!(sizes, [false, false, true]);
}

#[test]
fn a_hint_for_a_large_push_is_followed_by_the_next_push() {
    let (broker, [watcher]) = audience();
    broker.publish(SpaceEvent::Pushed(push_of(HERE, 6, connection(0xff), limits::OUTBOUND_FRAME)));
    push(&broker, HERE, 7);
    assert_eq!(watcher.heard(), [Heard::Hint(6), Heard::Sync(6, 7)]);
}

#[test]
fn a_tombstone_is_told_without_blob_and_key() {
    let (broker, [watcher]) = audience();
    let event = push_of(HERE, 6, connection(0xff), 0);
    let changes =
        event.changes.iter().map(|change| Change { state: RecordState::Tombstone, ..change.clone() });
    broker.publish(SpaceEvent::Pushed(PushedEvent { changes: changes.collect(), ..event }));
    let frames = watcher.frames();
    let text = String::from_utf8_lossy(&frames[0]);
    assert!(text.contains("deleted"));
    assert!(!text.contains("blob") && !text.contains("dek"));
}

/// G3.
#[test]
fn events_published_out_of_order_are_told_in_order_and_once() {
    let (broker, [watcher]) = audience();
    for number in [8, 7, 8, 6, 7, 9] {
        push(&broker, HERE, number);
    }
    let told: Vec<_> = (6..=9).map(|number| Heard::Sync(number - 1, number)).collect();
    assert_eq!(watcher.heard(), told);
}

#[test]
fn too_many_events_after_a_lost_one_become_a_hint() {
    let (broker, [watcher]) = audience();
    (7..7 + 129).for_each(|number| push(&broker, HERE, number));
    push(&broker, HERE, 136);
    assert_eq!(watcher.heard(), [Heard::Hint(135), Heard::Sync(135, 136)]);
}

/// B-01, P-226.
#[test]
fn a_connection_that_does_not_read_is_closed_and_leaves_the_registry() {
    let (broker, [stalled, reader]) = audience();
    broker.set_presence(HERE, stalled.id, b"here");
    let peer = peer_of(reader.heard());
    let mut told = Vec::new();
    for number in 6..6 + 300 {
        push(&broker, HERE, number);
        told.extend(reader.heard());
    }
    assert_eq!(stalled.outbox.closing(), Some(Close::SLOW_CONSUMER));
    assert_eq!(stalled.frames(), Vec::<Bytes>::new(), "what was queued is discarded");
    assert_eq!(told.iter().filter(|heard| matches!(heard, Heard::Sync(..))).count(), 300);
    assert_eq!(told.iter().filter(|heard| **heard == Heard::Leave(peer.clone())).count(), 1);
    assert!(!broker.unsubscribe(HERE, stalled.id), "it is gone already");
    assert_eq!(broker.metrics().slow_consumers.get(), 1);
    assert_eq!(broker.metrics().subscriptions.get(), 1);
}

/// P-226.
#[test]
fn a_closed_connection_leaves_the_registry_with_the_next_event() {
    let (broker, [closed, reader]) = audience();
    closed.outbox.close(Close::IDLE);
    push(&broker, HERE, 6);
    assert_eq!(broker.metrics().subscriptions.get(), 1);
    assert_eq!(broker.metrics().slow_consumers.get(), 0);
    assert_eq!(reader.heard(), [Heard::Sync(5, 6)]);
    assert_eq!(closed.outbox.closing(), Some(Close::IDLE), "the first close wins");
}

#[test]
fn the_space_is_freed_when_its_last_connection_turns_out_to_be_closed() {
    let (broker, [closed]) = audience();
    closed.outbox.close(Close::IDLE);
    push(&broker, HERE, 6);
    assert_eq!(broker.metrics().spaces_watched.get(), 0);
    assert_eq!(broker.delivered_cursors(), []);
}

#[test]
fn ephemeral_events_that_are_not_read_push_out_the_oldest() {
    let (broker, [speaker, stalled]) = audience();
    stalled.park();
    for number in 0..130_u8 {
        broker.send_event(HERE, speaker.id, &[number]);
    }
    let heard = stalled.heard();
    assert_eq!(heard.len(), 128);
    assert!(matches!(&heard[0], Heard::Event(_, data) if data == &[2]));
    assert_eq!(broker.metrics().ephemeral_dropped.get(), 2);
    assert_eq!(stalled.outbox.closing(), None);
}

#[test]
fn an_event_in_a_space_that_nobody_watches_costs_nothing_and_says_nothing() {
    let (broker, [watcher]) = audience();
    push(&broker, THERE, 1);
    broker.unsubscribe(HERE, watcher.id);
    push(&broker, HERE, 6);
    assert_eq!(watcher.heard(), []);
    assert_eq!(broker.delivered_cursors(), []);
}

//! From registration to going live (protocol §6.2, G2, G4).

use bytes::Bytes;
use less_sync_realtime::{AfterWrite, PendingSubscription, Reply};

use crate::fixture::{HERE, Heard, Listener, THERE, audience, broker, push, push_from, state};

/// B-13, G2.
#[test]
fn a_push_between_registration_and_reading_the_state_is_delivered_after_the_response() {
    let broker = broker();
    let listener = Listener::new(1);
    let gate = listener.watch(&broker, HERE);
    push(&broker, HERE, 6);
    broker.confirm(HERE, listener.id, gate, state(5));
    push(&broker, HERE, 7);
    assert_eq!(listener.heard(), [], "nothing before the response");
    broker.activate(HERE, listener.id, gate);
    push(&broker, HERE, 8);
    assert_eq!(listener.heard(), [Heard::Sync(5, 6), Heard::Sync(6, 7), Heard::Sync(7, 8)]);
}

#[test]
fn a_push_that_is_part_of_the_state_is_not_delivered() {
    let broker = broker();
    let listener = Listener::new(1);
    let gate = listener.watch(&broker, HERE);
    push(&broker, HERE, 6);
    broker.confirm(HERE, listener.id, gate, state(6));
    broker.activate(HERE, listener.id, gate);
    assert_eq!(listener.heard(), []);
}

#[test]
fn pushes_held_back_out_of_order_are_delivered_in_order() {
    let broker = broker();
    let listener = Listener::new(1);
    let gate = listener.watch(&broker, HERE);
    push(&broker, HERE, 8);
    push(&broker, HERE, 6);
    broker.confirm(HERE, listener.id, gate, state(5));
    broker.activate(HERE, listener.id, gate);
    push(&broker, HERE, 7);
    assert_eq!(listener.heard(), [Heard::Sync(5, 6), Heard::Sync(6, 7), Heard::Sync(7, 8)]);
}

#[test]
fn more_than_64_held_events_become_one_hint() {
    for held_before_settling in [true, false] {
        let broker = broker();
        let listener = Listener::new(1);
        let gate = listener.watch(&broker, HERE);
        if !held_before_settling {
            broker.confirm(HERE, listener.id, gate, state(5));
        }
        (6..6 + 65).for_each(|number| push(&broker, HERE, number));
        if held_before_settling {
            broker.confirm(HERE, listener.id, gate, state(5));
        }
        broker.activate(HERE, listener.id, gate);
        push(&broker, HERE, 71);
        assert_eq!(listener.heard(), [Heard::Hint(70), Heard::Sync(70, 71)]);
        assert_eq!(broker.metrics().pull_hints.get(), 1);
    }
}

#[test]
fn exactly_64_held_events_are_delivered() {
    let broker = broker();
    let listener = Listener::new(1);
    let gate = listener.watch(&broker, HERE);
    broker.confirm(HERE, listener.id, gate, state(5));
    (6..6 + 64).for_each(|number| push(&broker, HERE, number));
    broker.activate(HERE, listener.id, gate);
    assert_eq!(
        listener.heard(),
        (6..6 + 64).map(|number| Heard::Sync(number - 1, number)).collect::<Vec<_>>()
    );
}

#[test]
fn held_events_that_are_part_of_the_state_leave_room_for_later_ones() {
    let (broker, [listener]) = audience();
    let gate = listener.watch(&broker, HERE);
    (6..70).for_each(|number| push(&broker, HERE, number));
    broker.confirm(HERE, listener.id, gate, state(69));
    (70..134).for_each(|number| push(&broker, HERE, number));
    broker.activate(HERE, listener.id, gate);
    let told: Vec<_> = (70..134).map(|number| Heard::Sync(number - 1, number)).collect();
    assert_eq!(listener.heard(), told);
}

#[test]
fn a_state_older_than_what_was_told_turns_nothing_back() {
    let (broker, [listener]) = audience();
    push(&broker, HERE, 6);
    assert_eq!(listener.heard(), [Heard::Sync(5, 6)]);
    let gate = listener.watch(&broker, HERE);
    broker.confirm(HERE, listener.id, gate, state(5));
    broker.activate(HERE, listener.id, gate);
    assert_eq!(listener.heard(), []);
}

#[test]
fn ephemeral_events_are_dropped_until_the_response_is_written() {
    let (broker, [speaker]) = audience();
    let listener = Listener::new(1);
    let gate = listener.watch(&broker, HERE);
    broker.confirm(HERE, listener.id, gate, state(5));
    broker.send_event(HERE, speaker.id, b"early");
    broker.activate(HERE, listener.id, gate);
    assert_eq!(listener.heard(), []);
}

#[test]
fn a_response_opens_only_the_gate_it_was_made_for() {
    let broker = broker();
    let listener = Listener::new(1);
    let first = listener.watch(&broker, HERE);
    broker.confirm(HERE, listener.id, first, state(5));
    let second = listener.watch(&broker, HERE);
    push(&broker, HERE, 6);
    broker.activate(HERE, listener.id, first);
    assert_eq!(listener.heard(), [], "the second response is outstanding");
    broker.confirm(HERE, listener.id, first, state(6));
    broker.confirm(HERE, listener.id, second, state(5));
    broker.activate(HERE, listener.id, second);
    assert_eq!(listener.heard(), [Heard::Sync(5, 6)]);
}

#[test]
fn subscribing_again_holds_back_and_loses_nothing() {
    let (broker, [listener]) = audience();
    let gate = listener.watch(&broker, HERE);
    push(&broker, HERE, 6);
    push(&broker, HERE, 7);
    broker.confirm(HERE, listener.id, gate, state(6));
    assert_eq!(listener.heard(), []);
    broker.activate(HERE, listener.id, gate);
    assert_eq!(listener.heard(), [Heard::Sync(6, 7)]);
    assert_eq!(broker.metrics().subscriptions.get(), 1);
}

/// The old subscription stands when the state could not be read for the new one.
#[test]
fn a_gate_that_opens_unsettled_goes_on_where_the_subscription_stood() {
    let (broker, [listener]) = audience();
    let gate = listener.watch(&broker, HERE);
    push(&broker, HERE, 6);
    broker.activate(HERE, listener.id, gate);
    assert_eq!(listener.heard(), [Heard::Sync(5, 6)]);
}

#[test]
fn a_subscription_that_never_settled_stays_closed() {
    let broker = broker();
    let listener = Listener::new(1);
    let gate = listener.watch(&broker, HERE);
    broker.activate(HERE, listener.id, gate);
    push(&broker, HERE, 6);
    assert_eq!(listener.heard(), []);
    assert!(!broker.is_subscribed(HERE, listener.id));
    assert!(broker.unsubscribe(HERE, listener.id));
}

/// Two read the state at different times, and the event in between was published before the second settled.
#[test]
fn whoever_read_an_older_state_is_told_what_the_other_already_knew() {
    let broker = broker();
    let (newer, older) = (Listener::new(1), Listener::new(2));
    let older_gate = older.watch(&broker, HERE);
    let newer_gate = newer.watch(&broker, HERE);
    push(&broker, HERE, 6);
    broker.confirm(HERE, newer.id, newer_gate, state(6));
    broker.confirm(HERE, older.id, older_gate, state(5));
    broker.activate(HERE, newer.id, newer_gate);
    broker.activate(HERE, older.id, older_gate);
    assert_eq!(newer.heard(), []);
    assert_eq!(older.heard(), [Heard::Sync(5, 6)]);
}

/// As above, but the event comes after the newer state and counts as delivered.
#[test]
fn whoever_read_an_older_state_and_can_no_longer_be_told_has_to_pull() {
    let broker = broker();
    let (newer, older) = (Listener::new(1), Listener::new(2));
    let older_gate = older.watch(&broker, HERE);
    let newer_gate = newer.watch(&broker, HERE);
    broker.confirm(HERE, newer.id, newer_gate, state(6));
    push(&broker, HERE, 6);
    broker.confirm(HERE, older.id, older_gate, state(5));
    broker.activate(HERE, older.id, older_gate);
    push(&broker, HERE, 7);
    assert_eq!(older.heard(), [Heard::Hint(6), Heard::Sync(6, 7)]);
}

#[test]
fn whoever_read_a_newer_state_is_not_told_what_it_knows() {
    let (broker, [older]) = audience();
    let newer = Listener::new(9);
    newer.subscribe(&broker, HERE, 7);
    (6..=8).for_each(|number| push(&broker, HERE, number));
    assert_eq!(newer.heard(), [Heard::Sync(7, 8)]);
    assert_eq!(older.heard(), [Heard::Sync(5, 6), Heard::Sync(6, 7), Heard::Sync(7, 8)]);
}

/// G2: what a response makes possible happens once it has been handed to the socket.
#[test]
fn a_response_that_was_written_opens_the_gates_it_carries() {
    let (broker, [speaker]) = audience();
    let listener = Listener::new(1);
    let id = listener.watch(&broker, HERE);
    broker.confirm(HERE, listener.id, id, state(5));
    push(&broker, HERE, 6);
    let peers = Bytes::from_static(b"peers that did not fit");
    let after = AfterWrite {
        subscriptions: vec![PendingSubscription { space: HERE, id }],
        ephemeral: vec![(HERE, peers.clone())],
    };
    listener.outbox.try_reply(Reply { frame: Bytes::from_static(b"response"), after: Some(after) });
    let response = listener.outbox.take().unwrap();
    assert_eq!(response.frame, "response");
    assert!(listener.outbox.is_empty(), "nothing before the response");
    broker.response_written(*response.after.unwrap(), listener.id);
    broker.send_event(HERE, speaker.id, b"live");
    let frames = listener.frames();
    assert_eq!(frames.len(), 3);
    assert_eq!(frames[1], peers);
}

/// P-172, G4.
#[test]
fn unsubscribing_stops_events_also_those_already_queued() {
    let (broker, [leaver, stayer]) = audience();
    leaver.subscribe(&broker, THERE, 0);
    push(&broker, HERE, 6);
    push(&broker, THERE, 1);
    broker.send_event(HERE, stayer.id, b"hello");
    assert!(broker.unsubscribe(HERE, leaver.id));
    push(&broker, HERE, 7);
    assert_eq!(leaver.heard_where(), [(THERE, Heard::Sync(0, 1))]);
    assert_eq!(stayer.heard(), [Heard::Sync(5, 6), Heard::Sync(6, 7)]);
}

/// P-225.
#[test]
fn joining_and_leaving_change_who_is_told() {
    let (broker, [first]) = audience();
    let second = Listener::new(9);
    push(&broker, HERE, 6);
    second.subscribe(&broker, HERE, 6);
    push(&broker, HERE, 7);
    broker.unsubscribe(HERE, first.id);
    push(&broker, HERE, 8);
    assert_eq!(second.heard(), [Heard::Sync(6, 7), Heard::Sync(7, 8)]);
    second.subscribe(&broker, THERE, 0);
    push(&broker, THERE, 1);
    assert_eq!(second.heard_where(), [(THERE, Heard::Sync(0, 1))]);
}

/// P-227.
#[test]
fn leaving_twice_is_noticed_and_nothing_is_left_behind() {
    let (broker, [listener]) = audience();
    broker.set_presence(HERE, listener.id, b"here");
    assert!(broker.unsubscribe(HERE, listener.id));
    assert!(!broker.unsubscribe(HERE, listener.id));
    assert!(!broker.unsubscribe(THERE, listener.id));
    let metrics = broker.metrics();
    assert_eq!(metrics.subscriptions.get(), 0);
    assert_eq!(metrics.spaces_watched.get(), 0);
    assert_eq!(metrics.presence_entries.get(), 0);
    assert_eq!(broker.delivered_cursors(), []);
}

/// G5, across a reconnect: the new connection is another one and hears of what the old one did.
#[test]
fn another_connection_of_the_same_user_hears_of_a_push() {
    let (broker, [pusher, other]) = audience();
    push_from(&broker, HERE, 6, pusher.id);
    push(&broker, HERE, 7);
    assert_eq!(pusher.heard(), [Heard::Sync(6, 7)]);
    assert_eq!(other.heard(), [Heard::Sync(5, 6), Heard::Sync(6, 7)]);
}

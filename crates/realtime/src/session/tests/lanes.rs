//! Protocol §2.5 and §1.10: X-10, P-082-like bookkeeping of what runs when.

use super::*;

#[test]
fn ordered_calls_run_one_at_a_time_in_arrival_order() {
    let mut table = Table::active();
    for (id, method) in [("1", "push"), ("2", "subscribe"), ("3", "push")] {
        table.receives(request(id, method));
    }
    assert_eq!(table.started(), ["push"]);
    table.finishes(Lane::Ordered);
    assert_eq!(table.started(), ["subscribe"]);
    table.finishes(Lane::Ordered);
    assert_eq!(table.started(), ["push"]);
}

#[test]
fn pushes_that_follow_each_other_run_together() {
    let mut table = Table::active();
    for (id, method) in
        [("1", "push"), ("2", "push"), ("3", "subscribe"), ("4", "subscribe"), ("5", "push"), ("6", "push")]
    {
        table.receives(request(id, method));
    }
    assert_eq!(table.started(), ["push", "push"]);
    table.finishes(Lane::Ordered);
    assert!(table.started().is_empty(), "the first push is done, the second is not");
    table.finishes(Lane::Ordered);
    assert_eq!(table.started(), ["subscribe"]);
    table.finishes(Lane::Ordered);
    assert_eq!(table.started(), ["subscribe"]);
    table.finishes(Lane::Ordered);
    assert_eq!(table.started(), ["push", "push"]);
}

/// a pull sees the pushes sent before it
#[test]
fn a_stream_waits_for_the_ordered_calls_received_before_it() {
    let mut table = Table::active();
    table.receives(request("1", "push"));
    table.receives(request("2", "pull"));
    table.receives(request("3", "push"));
    assert_eq!(table.started(), ["push", "push"]);
    table.finishes(Lane::Ordered);
    assert_eq!(table.started(), ["pull"]);
}

/// a push answers while a pull streams
#[test]
fn ordered_calls_run_beside_a_stream() {
    let mut table = Table::active();
    table.receives(request("1", "pull"));
    assert_eq!(table.started(), ["pull"]);
    table.receives(request("2", "push"));
    assert_eq!(table.started(), ["push"]);
    table.receives(request("3", "pull"));
    assert!(table.started().is_empty(), "chunks of two pulls never interleave");
    table.finishes(Lane::Stream);
    assert!(table.started().is_empty(), "the push before it is still running");
    table.finishes(Lane::Ordered);
    assert_eq!(table.started(), ["pull"]);
}

#[test]
fn reading_rests_while_the_backlog_is_full() {
    let mut table = Table::active();
    for id in 0..64 {
        assert!(table.session.can_read());
        table.receives(request(&id.to_string(), "push"));
    }
    assert!(!table.session.can_read());
    table.finishes(Lane::Ordered);
    assert!(table.session.can_read());
}

#[test]
fn a_peer_over_its_rate_is_read_later_and_not_rejected() {
    let limits = Limits { inbound_rate: 10, inbound_burst: 2, ..Limits::default() };
    let mut table = Table::active_with(limits);
    table.receives(vec![0xf6]);
    assert!(table.session.can_read());
    table.receives(vec![0xf6]);
    table.receives(vec![0xf6]);
    assert!(!table.session.can_read());
    assert!(table.waits(Duration::from_millis(250)).is_empty());
    assert!(table.session.can_read());
}

#[test]
fn ephemeral_frames_over_their_rate_are_ignored() {
    let limits = Limits { ephemeral_rate: 1, ephemeral_burst: 3, ..Limits::default() };
    let mut table = Table::active_with(limits);
    for _ in 0..5 {
        table.receives(notification("event.send"));
        if !table.started().is_empty() {
            table.finishes(Lane::Ordered);
        }
    }
    table.receives(notification("unsubscribe"));
    assert_eq!(table.started(), ["unsubscribe"], "other notifications are not counted");
}

#[test]
fn a_flood_of_ephemeral_frames_is_closed_with_rate_limited() {
    let limits = Limits { ephemeral_rate: 2, ephemeral_burst: 3, inbound_burst: 10_000, ..Limits::default() };
    let mut table = Table::active_with(limits);
    for _ in 0..100 {
        table.receives(notification("presence.clear"));
    }
    assert!(table.all().iter().all(|action| matches!(action, Action::Run(..))));
    table.receives(notification("presence.clear"));
    table.assert_closes(Close::RATE_LIMITED);
}

#[test]
fn a_panic_says_what_can_be_said_and_closes() {
    let mut table = Table::active();
    table.receives(request("1", "push"));
    table.all();
    table.session.on_panic(table.now, Lane::Ordered);
    assert!(matches!(table.all().as_slice(), [Action::Finish(close)] if *close == Close::INTERNAL));
}

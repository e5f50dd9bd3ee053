//! Protocol §2.5 and §1.10: X-10, P-082-like bookkeeping of what runs when.

use super::*;

#[test]
fn ordered_calls_run_one_at_a_time_in_arrival_order() {
    let mut fixture = Fixture::active();
    for (id, method) in [("1", "push"), ("2", "subscribe"), ("3", "push")] {
        fixture.receives(request(id, method));
    }
    assert_eq!(fixture.started(), ["push"]);
    fixture.finishes(Lane::Ordered);
    assert_eq!(fixture.started(), ["subscribe"]);
    fixture.finishes(Lane::Ordered);
    assert_eq!(fixture.started(), ["push"]);
}

#[test]
fn consecutive_pushes_run_concurrently() {
    let mut fixture = Fixture::active();
    for (id, method) in
        [("1", "push"), ("2", "push"), ("3", "subscribe"), ("4", "subscribe"), ("5", "push"), ("6", "push")]
    {
        fixture.receives(request(id, method));
    }
    assert_eq!(fixture.started(), ["push", "push"]);
    fixture.finishes(Lane::Ordered);
    assert!(fixture.started().is_empty(), "the first push is done, the second is not");
    fixture.finishes(Lane::Ordered);
    assert_eq!(fixture.started(), ["subscribe"]);
    fixture.finishes(Lane::Ordered);
    assert_eq!(fixture.started(), ["subscribe"]);
    fixture.finishes(Lane::Ordered);
    assert_eq!(fixture.started(), ["push", "push"]);
}

/// a pull sees the pushes sent before it
#[test]
fn stream_waits_for_the_ordered_calls_received_before_it() {
    let mut fixture = Fixture::active();
    fixture.receives(request("1", "push"));
    fixture.receives(request("2", "pull"));
    fixture.receives(request("3", "push"));
    assert_eq!(fixture.started(), ["push", "push"]);
    fixture.finishes(Lane::Ordered);
    assert_eq!(fixture.started(), ["pull"]);
}

/// a push responds while a pull streams
#[test]
fn ordered_calls_run_beside_a_stream() {
    let mut fixture = Fixture::active();
    fixture.receives(request("1", "pull"));
    assert_eq!(fixture.started(), ["pull"]);
    fixture.receives(request("2", "push"));
    assert_eq!(fixture.started(), ["push"]);
    fixture.receives(request("3", "pull"));
    assert!(fixture.started().is_empty(), "chunks of two pulls never interleave");
    fixture.finishes(Lane::Stream);
    assert!(fixture.started().is_empty(), "the push before it is still running");
    fixture.finishes(Lane::Ordered);
    assert_eq!(fixture.started(), ["pull"]);
}

#[test]
fn reading_is_paused_while_the_backlog_is_full() {
    let mut fixture = Fixture::active();
    for id in 0..64 {
        assert!(fixture.session.can_read());
        fixture.receives(request(&id.to_string(), "push"));
    }
    assert!(!fixture.session.can_read());
    fixture.finishes(Lane::Ordered);
    assert!(fixture.session.can_read());
}

#[test]
fn messages_over_the_rate_are_delayed_and_not_rejected() {
    let limits = Limits { inbound_rate: 10, inbound_burst: 2, ..Limits::default() };
    let mut fixture = Fixture::active_with(limits);
    fixture.receives(vec![0xf6]);
    assert!(fixture.session.can_read());
    fixture.receives(vec![0xf6]);
    fixture.receives(vec![0xf6]);
    assert!(!fixture.session.can_read());
    assert!(fixture.waits(Duration::from_millis(250)).is_empty());
    assert!(fixture.session.can_read());
}

#[test]
fn ephemeral_frames_over_their_rate_are_ignored() {
    let limits = Limits { ephemeral_rate: 1, ephemeral_burst: 3, ..Limits::default() };
    let mut fixture = Fixture::active_with(limits);
    for _ in 0..5 {
        fixture.receives(notification("event.send"));
        if !fixture.started().is_empty() {
            fixture.finishes(Lane::Ordered);
        }
    }
    fixture.receives(notification("unsubscribe"));
    assert_eq!(fixture.started(), ["unsubscribe"], "other notifications are not counted");
}

#[test]
fn flood_of_ephemeral_frames_closes_with_rate_limited() {
    let limits = Limits { ephemeral_rate: 2, ephemeral_burst: 3, inbound_burst: 10_000, ..Limits::default() };
    let mut fixture = Fixture::active_with(limits);
    for _ in 0..100 {
        fixture.receives(notification("presence.clear"));
    }
    assert!(fixture.all().iter().all(|action| matches!(action, Action::Run(..))));
    fixture.receives(notification("presence.clear"));
    fixture.assert_closes(Close::RATE_LIMITED);
}

#[test]
fn panic_flushes_queued_frames_and_closes() {
    let mut fixture = Fixture::active();
    fixture.receives(request("1", "push"));
    fixture.all();
    fixture.session.on_panic(fixture.now, Lane::Ordered);
    assert!(matches!(fixture.all().as_slice(), [Action::Finish(close)] if *close == Close::INTERNAL));
}

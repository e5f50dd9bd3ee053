//! Protocol §2.5 and §1.10: X-10, P-082-like bookkeeping of what runs when.

use less_sync_core::wire::method::Lane;
use less_sync_core::wire::presence::{EventSendParams, PresenceSetParams};

use super::*;
use crate::inbound_memory::FREE_BYTES;

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

/// Federation FW-2: another server is waited for outside of the lanes, within the backlog.
#[test]
fn forwarded_call_leaves_its_lane_and_counts_for_the_backlog() {
    let mut fixture = Fixture::active();
    for (id, method) in [("1", "membership.list"), ("2", "pull"), ("3", "epoch.begin")] {
        fixture.receives(request(id, method));
    }
    assert_eq!(fixture.started(), ["membership.list"]);
    fixture.session.on_forwarded(place(Lane::Ordered));
    assert_eq!(fixture.started(), ["epoch.begin", "pull"]);
    fixture.finishes(Lane::Ordered);
    fixture.finishes(Lane::Stream);
    for id in 4..67 {
        assert!(fixture.session.can_read());
        fixture.receives(request(&id.to_string(), "push"));
    }
    assert!(!fixture.session.can_read(), "63 and the forwarded one");
    fixture.session.on_finished(fixture.now, Place { is_elsewhere: true, ..place(Lane::Ordered) }, 0);
    assert!(fixture.session.can_read());
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

/// The newest state of each space and kind is sent once the rate admits it, and what it replaced is counted.
#[test]
fn newest_ephemeral_frame_of_each_space_and_kind_waits_for_its_turn() {
    let limits = Limits { ephemeral_rate: 1, ephemeral_burst: 1, ..Limits::default() };
    let mut fixture = Fixture::active_with(limits);
    let [one, other] = [1, 2].map(|byte| less_sync_core::SpaceId::from_bytes([byte; 16]).to_string());
    let set =
        |space: &str, data: &[u8]| frame::notification("presence.set", &PresenceSetParams { space, data });
    let event =
        |space: &str, data: &[u8]| frame::notification("event.send", &EventSendParams { space, data });
    fixture.receives(set(&one, b"first"));
    assert_eq!(fixture.started(), ["presence.set"]);
    fixture.finishes(Lane::Ordered);
    for message in [set(&one, b"old"), event(&one, b"event"), set(&other, b"other"), set(&one, b"new")] {
        fixture.receives(message);
    }
    assert!(fixture.started().is_empty());
    assert_eq!(fixture.session.take_superseded(), 1);
    let mut run = Vec::new();
    for _ in 0..3 {
        let actions = fixture.waits(Duration::from_millis(1001));
        let [Action::Run(call)] = actions.as_slice() else { panic!("{actions:?}") };
        run.push((call.name().to_owned(), call.params::<PresenceSetParams<'_>>().unwrap().data.to_vec()));
        fixture.finishes(Lane::Ordered);
    }
    let expected = [("presence.set", &b"new"[..]), ("event.send", b"event"), ("presence.set", b"other")];
    assert_eq!(run, expected.map(|(name, data)| (name.to_owned(), data.to_vec())));
    assert!(fixture.waits(Duration::from_secs(5)).is_empty());
    assert_eq!(fixture.session.take_superseded(), 0);
}

/// A frame costs more the more receivers it has, and never so much that a pointer could not be drawn.
#[test]
fn ephemeral_frame_is_charged_for_its_receivers() {
    let space = less_sync_core::SpaceId::from_bytes([1; 16]).to_string();
    let event = frame::notification("event.send", &EventSendParams { space: &space, data: b"" });
    for (receivers, per_second) in
        [(0, 2400), (128, 2400), (128 + 32, 1200), (128 + 3 * 32, 600), (5000, 240), (1_000_000, 240)]
    {
        let limits = Limits { ephemeral_rate: 2400, ephemeral_burst: 1, ..Limits::default() };
        let mut fixture = Fixture::active_with(limits);
        fixture.receives(event.clone());
        assert_eq!(fixture.started(), ["event.send"]);
        fixture.session.on_fan_out(fixture.now, receivers);
        fixture.finishes(Lane::Ordered);
        fixture.receives(event.clone());
        let interval = Duration::from_secs(1) / per_second;
        assert!(fixture.waits(interval.mul_f64(0.99)).is_empty(), "{receivers} receivers");
        assert_eq!(fixture.waits(interval.mul_f64(0.02)).len(), 1, "{receivers} receivers");
    }
}

#[test]
fn ephemeral_frames_that_wait_are_bounded_in_number() {
    let limits = Limits { ephemeral_rate: 100, ephemeral_burst: 1, ..Limits::default() };
    let mut fixture = Fixture::active_with(limits);
    for byte in 0..=100 {
        let space = less_sync_core::SpaceId::from_bytes([byte; 16]).to_string();
        fixture
            .receives(frame::notification("presence.set", &PresenceSetParams { space: &space, data: b"x" }));
    }
    assert_eq!(fixture.session.take_superseded(), 100 - 64);
}

/// A single message of the largest size may exceed the bound: no message could be received otherwise.
#[test]
fn reading_is_paused_while_the_backlog_is_above_its_bytes() {
    let limits = Limits { backlog_bytes: 1000, ..Limits::default() };
    let mut fixture = Fixture::active_with(limits);
    let padded = |bytes: usize| {
        let data = vec![0; bytes];
        frame::request("id", "push", &PresenceSetParams { space: "", data: &data })
    };
    assert_eq!(fixture.session.free_bytes(), FREE_BYTES);
    fixture.receives(padded(900));
    assert!(fixture.session.can_read());
    fixture.receives(padded(5000));
    assert!(!fixture.session.can_read());
    assert!(fixture.session.free_bytes() < FREE_BYTES - 5900);
    fixture.session.on_finished(fixture.now, place(Lane::Ordered), 900 + 50);
    assert!(!fixture.session.can_read());
    fixture.session.on_finished(fixture.now, place(Lane::Ordered), 5000 + 50);
    assert!(fixture.session.can_read());
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
    fixture.session.on_panic(fixture.now, place(Lane::Ordered), 0);
    assert!(matches!(fixture.all().as_slice(), [Action::Finish(close)] if *close == Close::INTERNAL));
}

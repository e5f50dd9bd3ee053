use proptest::prelude::*;

use super::*;

/// Four events, or fewer when they are long.
const LIMITS: ReorderLimits = ReorderLimits { events: 4, bytes: 1000 };

/// Events from 100 on are long.
impl EncodedLen for u64 {
    fn encoded_len(&self) -> usize {
        if *self < 100 { 1 } else { 400 }
    }
}

fn at(number: u64) -> Cursor {
    Cursor::new(number).unwrap()
}

/// Event that leads to cursor `number`.
fn step(number: u64) -> Step<u64> {
    Step { prev: at(number - 1), cursor: at(number), event: number }
}

/// Deliveries as numbers: `n` for an event, `-n` for a pull hint up to n.
fn numbers(deliveries: Vec<Delivery<u64>>) -> Vec<i64> {
    let number = |delivery| match delivery {
        Delivery::Event(Step { event, .. }) => i64::try_from(event).unwrap(),
        Delivery::PullHint(cursor) => -cursor.as_i64(),
    };
    deliveries.into_iter().map(number).collect()
}

enum In {
    Accept(u64),
    Start(u64),
    Repair(u64),
}
use In::{Accept, Repair, Start};

/// Feeds a new sequencer; returns it with its deliveries.
fn feed(inputs: impl IntoIterator<Item = In>) -> (Sequencer<u64>, Vec<i64>) {
    let mut sequencer = Sequencer::default();
    let mut out = Vec::new();
    for input in inputs {
        let deliver = |delivery| out.push(delivery);
        match input {
            Accept(number) => sequencer.accept(step(number), LIMITS, deliver),
            Start(number) => sequencer.start(at(number), deliver),
            Repair(number) => drop(sequencer.repair(at(number), deliver)),
        }
    }
    (sequencer, numbers(out))
}

#[test]
fn events_leave_in_cursor_order_for_any_arrival_order() {
    let table: [(&str, Vec<In>, &[i64]); 12] = [
        ("in order", vec![Start(5), Accept(6), Accept(7)], &[6, 7]),
        ("swapped", vec![Start(5), Accept(7), Accept(6)], &[6, 7]),
        ("reversed", vec![Start(5), Accept(8), Accept(7), Accept(6)], &[6, 7, 8]),
        ("repeated", vec![Start(5), Accept(6), Accept(6), Accept(7), Accept(6)], &[6, 7]),
        ("repeated while buffered", vec![Start(5), Accept(7), Accept(7), Accept(6)], &[6, 7]),
        ("part of the state", vec![Start(5), Accept(4), Accept(5), Accept(6)], &[6]),
        ("early, after the state", vec![Accept(7), Accept(6), Start(5)], &[6, 7]),
        (
            "early, in the state: delivered for other subscribers",
            vec![Accept(5), Accept(4), Start(5), Accept(6)],
            &[4, 5, 6],
        ),
        ("early, with a hole", vec![Accept(8), Start(5), Accept(6), Accept(7)], &[6, 7, 8]),
        ("nothing before the start", vec![Accept(6), Accept(7)], &[]),
        ("a later start changes nothing", vec![Start(5), Start(7), Accept(6)], &[6]),
        ("missing for a while", vec![Start(5), Accept(7), Accept(9), Accept(6), Accept(8)], &[6, 7, 8, 9]),
    ];
    for (name, inputs, expected) in table {
        assert_eq!(feed(inputs).1, expected, "{name}");
    }
}

#[test]
fn lost_events_become_a_pull_hint() {
    let table: [(&str, Vec<In>, &[i64]); 10] = [
        ("too long to buffer", vec![Start(199), Accept(202), Accept(203), Accept(204)], &[-204]),
        (
            "delivered events do not count",
            vec![
                Start(199),
                Accept(202),
                Accept(203),
                Accept(201),
                Accept(200),
                Accept(205),
                Accept(206),
                Accept(204),
            ],
            &[-203, 204, 205, 206],
        ),
        (
            "too many buffered",
            vec![Start(5), Accept(7), Accept(8), Accept(9), Accept(10), Accept(11)],
            &[-11],
        ),
        ("events follow it", vec![Start(5), Accept(7), Repair(7), Accept(8)], &[-7, 8]),
        ("buffered events follow it", vec![Start(5), Accept(8), Accept(9), Repair(7)], &[-7, 8, 9]),
        ("buffered events are covered", vec![Start(5), Accept(7), Accept(8), Repair(8), Accept(6)], &[-8]),
        ("nothing to repair", vec![Start(5), Accept(6), Repair(6), Repair(4)], &[6]),
        ("nothing known yet", vec![Accept(6), Repair(6)], &[]),
        (
            "too much before the start",
            vec![Accept(6), Accept(7), Accept(8), Accept(9), Accept(10), Start(7), Accept(11)],
            &[-10, 11],
        ),
        (
            "too much before the start, all of it in the state",
            vec![Accept(6), Accept(7), Accept(8), Accept(9), Accept(10), Start(10), Accept(11)],
            &[11],
        ),
    ];
    for (name, inputs, expected) in table {
        assert_eq!(feed(inputs).1, expected, "{name}");
    }
}

#[test]
fn gap_is_reported_while_it_exists() {
    assert_eq!(feed([Start(5)]).0.gap(), None);
    assert_eq!(feed([Accept(7)]).0.gap(), None, "nothing delivered yet");
    assert_eq!(feed([Start(5), Accept(7)]).0.gap(), Some(at(7)));
    assert_eq!(feed([Start(5), Start(6)]).0.gap(), Some(at(6)), "a newer state was read");
    assert_eq!(feed([Start(5), Accept(7), Accept(6)]).0.gap(), None);
    assert_eq!(feed([Start(5), Accept(7), Repair(7)]).0.gap(), None);
}

#[test]
fn idle_sequencer_holds_no_memory() {
    let (sequencer, _) = feed([Start(5), Accept(8), Accept(7), Accept(6)]);
    assert_eq!((sequencer.reorder_buffer.capacity(), sequencer.buffered_bytes), (0, 0));
}

/// Events `1..=steps` in any order, some repeated.
fn shuffled(steps: u64) -> impl Strategy<Value = Vec<u64>> {
    proptest::collection::vec(1..=steps, 0..8)
        .prop_map(move |repeats| (1..=steps).chain(repeats).collect::<Vec<_>>())
        .prop_shuffle()
}

proptest! {
    #[test]
    fn every_event_of_a_complete_history_is_delivered_exactly_once_and_in_order(
        order in shuffled(40),
        start in 0_usize..48,
    ) {
        let mut sequencer = Sequencer::default();
        let mut out = Vec::new();
        for (position, number) in order.into_iter().enumerate() {
            if position == start {
                sequencer.start(Cursor::ZERO, |delivery| out.push(delivery));
            }
            sequencer.accept(step(number), ReorderLimits { events: 64, bytes: 64 }, |delivery| out.push(delivery));
        }
        sequencer.start(Cursor::ZERO, |delivery| out.push(delivery));
        prop_assert_eq!(numbers(out), (1..=40).collect::<Vec<i64>>());
        prop_assert_eq!(sequencer.delivered(), Some(at(40)));
    }

    #[test]
    fn with_losses_every_event_is_delivered_or_covered_by_a_pull_hint(
        order in shuffled(40),
        lost in proptest::collection::btree_set(1_u64..=40, 0..12),
        steps in 0_usize..16,
        start in 0_u64..40,
    ) {
        let mut sequencer = Sequencer::default();
        let mut out = Vec::new();
        sequencer.start(at(start), |delivery| out.push(delivery));
        for number in order.into_iter().filter(|number| !lost.contains(number)) {
            sequencer.accept(step(number), ReorderLimits { events: steps, bytes: 64 }, |delivery| out.push(delivery));
        }
        sequencer.repair(at(40), |delivery| out.push(delivery));
        let mut stands = start.cast_signed();
        for number in numbers(out) {
            prop_assert!(number == stands + 1 || -number > stands, "{} after {}", number, stands);
            stands = number.abs();
        }
        prop_assert_eq!(stands, 40);
        prop_assert!(sequencer.reorder_buffer.is_empty());
    }
}

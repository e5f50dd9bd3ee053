//! Order in which the operations of several users run.

use less_sync_core::SpaceId;
use less_sync_storage::Flow;

use super::{BATCH_WEIGHT, HEAVY, Load, QUANTUM, Schedule, Withdrawable};

#[derive(Debug, PartialEq, Eq)]
enum Item {
    Waiting(&'static str),
    Withdrawn,
}

impl Withdrawable for Item {
    fn is_withdrawn(&self) -> bool {
        *self == Self::Withdrawn
    }
}

fn load(user: u64, space: u8, weight: usize) -> Load {
    Load { flow: Flow::new(user), space: Some(SpaceId::from_bytes([space; 16])), weight }
}

fn add(schedule: &mut Schedule<Item>, user: u64, space: u8, weight: usize, name: &'static str) {
    schedule.add(load(user, space, weight), Item::Waiting(name));
}

/// The names of the next batch.
fn take(schedule: &mut Schedule<Item>) -> Vec<&'static str> {
    let name = |item| match item {
        Item::Waiting(name) => name,
        Item::Withdrawn => "withdrawn",
    };
    schedule.take().into_iter().map(name).collect()
}

#[test]
fn light_operations_of_all_users_share_a_batch() {
    let mut schedule = Schedule::new();
    for (user, space, name) in [(1, 1, "a"), (1, 1, "b"), (2, 2, "c"), (3, 3, "d")] {
        add(&mut schedule, user, space, 2000, name);
    }
    assert_eq!(take(&mut schedule), ["a", "b", "c", "d"]);
    assert_eq!((take(&mut schedule).len(), schedule.waiting()), (0, 0));
}

#[test]
fn heavy_operation_travels_alone_and_lets_the_others_go_first_afterwards() {
    let mut schedule = Schedule::new();
    for name in ["first", "second", "third"] {
        add(&mut schedule, 1, 1, 5 * HEAVY, name);
    }
    assert_eq!(take(&mut schedule), ["first"]);
    add(&mut schedule, 2, 2, 2000, "light");
    assert_eq!(take(&mut schedule), ["light"]);
    assert_eq!(take(&mut schedule), ["second"]);
    assert_eq!(take(&mut schedule), ["third"]);
    assert_eq!(take(&mut schedule), [""; 0]);
}

#[test]
fn light_operation_waits_for_one_heavy_operation_however_many_users_have_them() {
    let mut schedule = Schedule::new();
    for user in 1..=30 {
        add(&mut schedule, user, u8::try_from(user).unwrap(), 2 * HEAVY, "heavy");
        add(&mut schedule, user, u8::try_from(user).unwrap(), 2 * HEAVY, "heavy");
    }
    for _ in 0..5 {
        assert_eq!(take(&mut schedule), ["heavy"]);
        add(&mut schedule, 99, 99, 2000, "light");
        assert_eq!(take(&mut schedule), ["light"]);
    }
}

/// Equal shares of the bytes: two users with heavy operations alternate.
#[test]
fn users_with_heavy_operations_take_turns() {
    let mut schedule = Schedule::new();
    for _ in 0..4 {
        add(&mut schedule, 1, 1, 2 * HEAVY, "a");
    }
    add(&mut schedule, 2, 2, 2 * HEAVY, "b");
    add(&mut schedule, 2, 2, 2 * HEAVY, "b");
    let order: Vec<_> = std::iter::from_fn(|| take(&mut schedule).pop()).collect();
    assert_eq!(order, ["a", "b", "a", "b", "a", "a"]);
}

/// While others keep the writer busy a heavy operation still gets its share.
#[test]
fn heavy_operation_is_not_starved_by_light_ones() {
    let mut schedule = Schedule::new();
    add(&mut schedule, 1, 1, 5 * HEAVY, "heavy");
    let batches = 5 * HEAVY / QUANTUM + 2;
    let ran = (0..batches).any(|_| {
        add(&mut schedule, 2, 2, QUANTUM, "light");
        add(&mut schedule, 2, 2, QUANTUM, "light");
        take(&mut schedule) == ["heavy"]
    });
    assert!(ran, "the heavy operation waits for more than its share");
}

/// A user with a long queue of light operations leaves room in each batch for the others.
#[test]
fn long_queue_of_one_user_shares_the_batch_with_others() {
    let mut schedule = Schedule::new();
    for _ in 0..1000 {
        add(&mut schedule, 1, 1, QUANTUM / 4, "many");
    }
    add(&mut schedule, 2, 2, 2000, "one");
    let batch = take(&mut schedule);
    assert_eq!(batch.iter().filter(|name| **name == "one").count(), 1);
    assert!(batch.len() <= 2 + BATCH_WEIGHT / (QUANTUM / 4), "{}", batch.len());
}

#[test]
fn operations_on_one_space_keep_their_order_across_users_and_weights() {
    let mut schedule = Schedule::new();
    add(&mut schedule, 1, 7, 2 * HEAVY, "first");
    add(&mut schedule, 2, 7, 10, "second");
    add(&mut schedule, 1, 7, 10, "third");
    add(&mut schedule, 3, 8, 10, "other space");
    let batches: Vec<Vec<_>> = std::iter::repeat_with(|| take(&mut schedule)).take(4).collect();
    let order: Vec<_> = batches.concat().into_iter().filter(|name| *name != "other space").collect();
    assert_eq!(order, ["first", "second", "third"]);
}

#[test]
fn withdrawn_operations_are_dropped_and_block_nothing() {
    let mut schedule = Schedule::new();
    schedule.add(load(1, 7, 9 * HEAVY), Item::Withdrawn);
    add(&mut schedule, 2, 7, 10, "second");
    assert_eq!(take(&mut schedule), ["second"]);
    schedule.add(load(1, 7, 10), Item::Withdrawn);
    assert_eq!((take(&mut schedule).len(), schedule.waiting()), (0, 0));
}

/// Operation of a space, with its number and weight.
struct Numbered(u8, usize, usize);

impl Withdrawable for Numbered {
    fn is_withdrawn(&self) -> bool {
        false
    }
}

/// Random loads: everything runs, each space in order, no batch beyond its bounds.
#[test]
fn everything_runs_once_and_in_the_order_of_its_space() {
    let mut schedule = Schedule::new();
    let mut seed = 1_u64;
    let mut random = |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    let mut submitted: Vec<(u8, usize)> = Vec::new();
    let mut ran: Vec<(u8, usize)> = Vec::new();
    for number in 0..5000 {
        let space = u8::try_from(random(6)).unwrap();
        let weight = [10, 5000, HEAVY, HEAVY + 1, 4 * HEAVY][usize::try_from(random(5)).unwrap()];
        schedule.add(load(random(5), space, weight), Numbered(space, number, weight));
        submitted.push((space, number));
        if random(3) == 0 {
            let batch = schedule.take();
            assert!(batch.len() == 1 || batch.iter().all(|item| item.2 <= HEAVY));
            ran.extend(batch.iter().map(|item| (item.0, item.1)));
        }
    }
    while schedule.waiting() > 0 {
        ran.extend(schedule.take().iter().map(|item| (item.0, item.1)));
    }
    ran.sort_by_key(|(space, _)| *space);
    submitted.sort_by_key(|(space, _)| *space);
    assert_eq!(ran, submitted);
}

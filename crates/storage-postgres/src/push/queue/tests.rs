use bytes::Bytes;
use less_sync_core::Cursor;
use less_sync_storage::{Change, Push, PushLimits, Pushed, RecordState, WriteGrant};
use tokio::sync::oneshot;

use super::*;

const LIMITS: PushLimits = PushLimits { records: 10_000, blob: 16 << 20, bytes: 1 << 28 };

/// The end at which a caller waits.
type Caller = oneshot::Receiver<Result<Pushed, PushError>>;

/// A push of these records, each of so many bytes.
fn push(space: u8, records: &[u64], bytes: usize) -> (Job, Caller) {
    push_by(u64::from(space), space, records, bytes)
}

/// The same, by the user of this number.
#[expect(clippy::disallowed_methods, reason = "no write follows")]
fn push_by(user: u64, space: u8, records: &[u64], bytes: usize) -> (Job, Caller) {
    let (reply, caller) = oneshot::channel();
    let change = |number: &u64| Change {
        id: RecordId::from_bytes(u128::from(*number).to_be_bytes()),
        expected: Cursor::ZERO,
        state: RecordState::Live { blob: Bytes::from(vec![0; bytes]), dek: None },
    };
    let push = Push::new(records.iter().map(change).collect::<Vec<_>>(), None, LIMITS).unwrap();
    let grant = WriteGrant::issue(SpaceId::from_bytes([space; 16])).in_flow(Flow::new(user));
    (Job::new(grant.access().clone(), push, reply), caller)
}

/// A queue that holds these pushes, and their callers.
fn queue(limits: QueueLimits, jobs: impl IntoIterator<Item = (Job, Caller)>) -> (Queue, Vec<Caller>) {
    let mut queue = Queue::new(limits);
    let callers = jobs.into_iter().map(|(job, caller)| {
        queue.add(job).unwrap();
        caller
    });
    let callers = callers.collect();
    (queue, callers)
}

const WIDE: QueueLimits = QueueLimits { waiting: 10_000, batch: 512 };

/// Spaces and first records of the next batch; what stands apart is a batch by itself.
fn next(queue: &mut Queue) -> Vec<(u8, u64)> {
    let jobs = match queue.take() {
        None => Vec::new(),
        Some(Work::Batch(jobs)) => jobs,
        Some(Work::SlowPath(job)) => vec![job],
    };
    let first = |job: &Job| job.records().next().map_or(0, |id| u64::from(id.as_bytes()[15]));
    jobs.iter().map(|job| (job.space.as_bytes()[0], first(job))).collect()
}

fn release(queue: &mut Queue, spaces: &[u8]) {
    queue.release(spaces.iter().map(|space| SpaceId::from_bytes([*space; 16])));
}

#[test]
fn waiting_pushes_are_batched_by_space_and_then_by_arrival() {
    let jobs = [push(3, &[1], 1), push(1, &[2], 1), push(3, &[3], 1), push(2, &[4], 1), push(1, &[5], 1)];
    let (mut queue, _callers) = queue(WIDE, jobs);
    assert_eq!(next(&mut queue), [(1, 2), (1, 5), (2, 4), (3, 1), (3, 3)]);
    assert!(queue.is_empty());
}

#[test]
fn second_push_of_a_record_waits_and_keeps_the_order_of_its_space() {
    let jobs = [push(1, &[1, 2], 1), push(1, &[3, 2], 1), push(1, &[4], 1), push(2, &[2], 1)];
    let (mut queue, _callers) = queue(WIDE, jobs);
    assert_eq!(next(&mut queue), [(1, 1), (2, 2)]);
    assert_eq!(next(&mut queue), []);
    release(&mut queue, &[1]);
    assert_eq!(next(&mut queue), [(1, 3), (1, 4)]);
}

#[test]
fn busy_space_does_not_hold_up_the_others() {
    let (mut queue, mut callers) = queue(WIDE, [push(1, &[1], 1), push(2, &[1], 1)]);
    assert_eq!(next(&mut queue), [(1, 1), (2, 1)]);
    for (job, caller) in [push(1, &[2], 1), push(3, &[2], 1), push(2, &[2], 1)] {
        queue.add(job).unwrap();
        callers.push(caller);
    }
    assert_eq!(next(&mut queue), [(3, 2)]);
    release(&mut queue, &[2]);
    assert_eq!(next(&mut queue), [(2, 2)]);
}

#[test]
fn batch_ends_with_its_pushes_its_rows_or_its_bytes() {
    let small = || (0..5).map(|number| push(1, &[number], 1));
    let (mut queue_of_two, _callers) = queue(QueueLimits { batch: 2, ..WIDE }, small());
    assert_eq!(next(&mut queue_of_two), [(1, 0), (1, 1)]);
    release(&mut queue_of_two, &[1]);
    assert_eq!(next(&mut queue_of_two), [(1, 2), (1, 3)]);

    let rows: Vec<u64> = (0..250).collect();
    let full = (1..=8).map(|space| push(space, &rows, 1));
    let (mut full_of_rows, _callers) = queue(WIDE, full.chain([push(9, &[1], 1), push(10, &[1], 1)]));
    assert_eq!(next(&mut full_of_rows), (1..=8).map(|space| (space, 0)).collect::<Vec<_>>());
    assert_eq!(next(&mut full_of_rows), [(9, 1), (10, 1)]);

    let (mut full_of_bytes, _callers) = queue(WIDE, (1..=4).map(|space| push(space, &[1], 1 << 20)));
    assert_eq!(next(&mut full_of_bytes), [(1, 1), (2, 1)]);
    assert_eq!(next(&mut full_of_bytes), [(3, 1), (4, 1)]);
}

#[test]
fn heavy_push_has_a_batch_of_its_own_and_alternates_with_batches() {
    let rows: Vec<u64> = (0..251).collect();
    let jobs = [push(1, &[1], (1 << 20) + 1), push(2, &[2], 1), push(3, &rows, 1), push(4, &[4], 1)];
    let (mut queue, mut callers) = queue(WIDE, jobs);
    assert_eq!(next(&mut queue), [(1, 1)]);
    assert_eq!(next(&mut queue), [(2, 2), (4, 4)], "light pushes run beside it");
    assert_eq!(next(&mut queue), [], "one heavy push at a time");
    release(&mut queue, &[1]);
    assert_eq!(next(&mut queue), [(3, 0)]);
    for (job, caller) in [push(5, &[5], 2 << 20), push(6, &[6], 1)] {
        queue.add(job).unwrap();
        callers.push(caller);
    }
    release(&mut queue, &[3]);
    assert_eq!(next(&mut queue), [(6, 6)], "a batch follows each heavy push");
    assert_eq!(next(&mut queue), [(5, 5)]);
}

#[test]
fn heavy_push_that_waits_for_a_lock_does_not_hold_up_another() {
    let (mut queue, _callers) = queue(WIDE, [push(1, &[1], 2 << 20), push(2, &[2], 2 << 20)]);
    assert_eq!(next(&mut queue), [(1, 1)]);
    assert_eq!(next(&mut queue), []);
    queue.end_heavy(SpaceId::from_bytes([1; 16]));
    assert_eq!(next(&mut queue), [(2, 2)]);
}

#[test]
fn big_and_empty_pushes_go_apart_when_their_turn_has_come() {
    let big = || push(1, &(0..2001).collect::<Vec<u64>>(), 1);
    let (mut queue, _callers) =
        queue(WIDE, [push(1, &[7], 1), big(), push(1, &[], 1), push(1, &[8], 1), push(2, &[9], 1)]);
    assert_eq!(next(&mut queue), [(1, 7), (2, 9)]);
    for expected in [[(1, 0)], [(1, 0)], [(1, 8)]] {
        assert_eq!(next(&mut queue), []);
        release(&mut queue, &[1]);
        assert_eq!(next(&mut queue), expected);
    }
    assert!(queue.is_empty());
}

#[test]
fn push_whose_caller_has_gone_is_withdrawn() {
    let (mut queue, mut callers) = queue(WIDE, [push(1, &[1], 1), push(1, &[2], 1)]);
    drop(callers.remove(0));
    assert_eq!(next(&mut queue), [(1, 2)]);
}

#[test]
fn full_queue_rejects_until_a_push_leaves() {
    let limits = QueueLimits { waiting: 2, ..WIDE };
    let (mut queue, mut callers) = queue(limits, [push(1, &[1], 1), push(1, &[2], 1)]);
    assert!(matches!(queue.add(push(2, &[3], 1).0), Err(PushError::Unavailable(_))));
    drop(callers.pop());
    let (job, _caller) = push(2, &[4], 1);
    queue.add(job).unwrap();
    assert_eq!(next(&mut queue), [(1, 1), (2, 4)]);
}

#[test]
fn closed_queue_takes_no_more_and_is_over_when_it_is_empty() {
    let (mut queue, _callers) = queue(WIDE, [push(1, &[1], 1)]);
    queue.close();
    assert!(matches!(queue.add(push(1, &[2], 1).0), Err(PushError::Unavailable(_))));
    assert!(!queue.is_over());
    assert_eq!(next(&mut queue), [(1, 1)]);
    assert!(queue.is_over());
}

/// Records from a number on, as many as one statement takes and one more.
fn oversized() -> Vec<u64> {
    (0..=u64::try_from(STATEMENT_ROWS).unwrap()).collect()
}

#[test]
fn oversized_pushes_run_one_at_a_time_and_their_users_take_turns() {
    let records = oversized();
    let jobs = [(1, 1), (1, 2), (1, 3), (2, 4), (2, 5), (3, 6)];
    let (mut queue, _callers) = queue(WIDE, jobs.map(|(user, space)| push_by(user, space, &records, 1)));
    let mut order = Vec::new();
    while let Some(Work::SlowPath(job)) = queue.take() {
        let space = job.space.as_bytes()[0];
        let (small, _caller) = push_by(9, 9, &[1], 1);
        queue.add(small).unwrap();
        assert_eq!(next(&mut queue), [(9, 1)], "only small pushes run beside it");
        assert_eq!(next(&mut queue), []);
        release(&mut queue, &[9, space]);
        order.push(space);
    }
    assert_eq!(order, [1, 4, 6, 2, 5, 3]);
}

#[test]
fn batch_has_a_share_for_every_user_before_it_is_filled() {
    let records: Vec<u64> = (0..200).collect();
    let mut jobs: Vec<_> = (1..=20).map(|space| push_by(1, space, &records, 1)).collect();
    jobs.push(push_by(2, 99, &[1], 1));
    let (mut queue, _callers) = queue(WIDE, jobs);
    let batch = next(&mut queue);
    assert!(batch.contains(&(99, 1)), "{batch:?}");
    assert_eq!(batch.len(), 10, "{batch:?}");
}

//! Random steps of a history.

use bytes::Bytes;
use less_sync_core::{Cursor, RecordId, SpaceId};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::subsequence;

use crate::PageLimits;
use crate::fixture::{cursor, dek};
use less_sync_storage::{Change, CursorAhead, RecordState};

/// Two spaces, and the same record ids in both.
pub(super) const SPACES: [SpaceId; 2] = [SpaceId::from_bytes([1; 16]), SpaceId::from_bytes([2; 16])];

const RECORDS: u8 = 8;

#[derive(Clone, Debug)]
pub(super) enum Step {
    Create { space: SpaceId, shared: bool },
    Touch { space: SpaceId },
    Push { space: SpaceId, wishes: Vec<Wish> },
    Pull { space: SpaceId, since: u64, ahead: CursorAhead, between: Vec<Vec<Wish>> },
    Sync { space: SpaceId },
    Epochs { space: SpaceId, minimum: i32 },
    Reopen { pages: PageLimits },
}

/// A change, whose expected cursor is found when its turn comes.
#[derive(Clone, Debug)]
pub(super) struct Wish {
    pub(super) record: RecordId,
    guess: ExpectedCursor,
    state: RecordState,
}

/// Cursor that the writer expects of the record.
#[derive(Clone, Copy, Debug)]
enum ExpectedCursor {
    Right,
    New,
    Older,
    Newer,
}

impl Wish {
    /// The change, where the record really is at `at`.
    pub(super) fn change(&self, at: Cursor) -> Change {
        let expected = match self.guess {
            ExpectedCursor::Right => at,
            ExpectedCursor::New => Cursor::ZERO,
            ExpectedCursor::Older => cursor(at.get().saturating_sub(1)),
            ExpectedCursor::Newer => cursor(at.get() + 1),
        };
        Change { id: self.record, expected, state: self.state.clone() }
    }
}

/// A history begins with one space at least, else most of it would be rejected.
pub(super) fn histories() -> impl Strategy<Value = Vec<Step>> {
    let first = any::<bool>().prop_map(|shared| Step::Create { space: SPACES[0], shared });
    (first, vec(steps(), 1..24)).prop_map(|(first, mut rest)| {
        rest.insert(0, first);
        rest
    })
}

fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        1 => (spaces(), any::<bool>()).prop_map(|(space, shared)| Step::Create { space, shared }),
        1 => spaces().prop_map(|space| Step::Touch { space }),
        12 => (spaces(), pushes()).prop_map(|(space, wishes)| Step::Push { space, wishes }),
        5 => (spaces(), 0_u64..16, ahead(), vec(pushes(), 0..4))
            .prop_map(|(space, since, ahead, between)| Step::Pull { space, since, ahead, between }),
        3 => spaces().prop_map(|space| Step::Sync { space }),
        1 => (spaces(), 1..4_i32).prop_map(|(space, minimum)| Step::Epochs { space, minimum }),
        1 => (1..6_usize, 1..150_usize)
            .prop_map(|(rows, bytes)| Step::Reopen { pages: PageLimits { rows, bytes } }),
    ]
}

fn spaces() -> impl Strategy<Value = SpaceId> {
    prop_oneof![3 => Just(SPACES[0]), 1 => Just(SPACES[1])]
}

fn ahead() -> impl Strategy<Value = CursorAhead> {
    prop_oneof![Just(CursorAhead::Error), Just(CursorAhead::Rewind)]
}

/// Mostly different records; now and then one of them twice.
pub(super) fn pushes() -> impl Strategy<Value = Vec<Wish>> {
    let records = subsequence((0..RECORDS).collect::<Vec<_>>(), 0..=7).prop_shuffle();
    (records, vec((expected_cursors(), states()), 8), prop::bool::weighted(0.05)).prop_map(
        |(mut records, parts, again)| {
            if again {
                records.extend(records.first().copied());
            }
            let wishes = records.into_iter().zip(parts);
            wishes.map(|(record, (guess, state))| Wish { record: record_id(record), guess, state }).collect()
        },
    )
}

/// The first and the last id that there can be are among them.
pub(super) fn record_id(number: u8) -> RecordId {
    RecordId::from_bytes([if number == RECORDS - 1 { 0xff } else { number }; 16])
}

fn expected_cursors() -> impl Strategy<Value = ExpectedCursor> {
    prop_oneof![40 => Just(ExpectedCursor::Right), 1 => Just(ExpectedCursor::New), 1 => Just(ExpectedCursor::Older), 1 => Just(ExpectedCursor::Newer)]
}

fn states() -> impl Strategy<Value = RecordState> {
    // Pushes over the limit are rare, so that most get further.
    let length = prop_oneof![30 => 0..40_usize, 4 => 60..=64_usize, 1 => Just(65_usize)];
    let key = prop_oneof![3 => Just(None), 20 => (2..6_u32).prop_map(Some), 1 => (0..2_u32).prop_map(Some)];
    prop_oneof![
        4 => (length, any::<u8>(), key).prop_map(|(length, fill, key)| RecordState::Live {
            blob: Bytes::from(vec![fill; length]),
            dek: key.map(|prefix| dek(prefix, fill)),
        }),
        1 => Just(RecordState::Tombstone),
    ]
}

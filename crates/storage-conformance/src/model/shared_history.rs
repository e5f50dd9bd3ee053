//! Random steps of a history of shared spaces.

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;

use super::history::{Wish, pushes};
use super::object_store::SweepOutcome;
use super::shared_store::{PERSONAL, SHARED};
use less_sync_core::SpaceId;

/// Cids that are revoked: of the second chain, of the first two, of none.
const REVOKED: [u8; 3] = [20, 11, 99];

/// Files are numbered up to this.
pub(super) const FILES: u64 = 4;

/// Grace periods that sweepers give to objects of deleted files.
const GRACES: [Duration; 2] = [Duration::ZERO, Duration::from_mins(97)];

const OUTCOMES: [SweepOutcome; 3] = [SweepOutcome::Removed, SweepOutcome::Postponed, SweepOutcome::Abandoned];

/// No sum of these is a lifetime, a lease, a delay or a grace.
const SPANS: [Duration; 2] = [Duration::from_mins(7), Duration::from_mins(37)];

/// Step of a history: an act in a space, by the bearer of a chain.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) space: SpaceId,
    /// Index into [`CHAINS`](super::shared_store::CHAINS); personal spaces need none.
    pub(super) bearer: usize,
    pub(super) act: Act,
}

#[derive(Clone, Debug)]
pub(super) enum Act {
    Push(Vec<Wish>),
    /// `behind`: how many versions the writer has missed. `stray`: it names a wrong entry before it.
    Append {
        behind: i32,
        stray: bool,
        length: usize,
    },
    Revoke(u8),
    /// `skew`: distance to the next epoch.
    Advance {
        skew: i32,
        raise_minimum: bool,
    },
    /// `skew`: distance to the current epoch.
    Complete {
        skew: i32,
    },
    /// Lists the keys of records and remembers them.
    List,
    /// `skew`: distance to the current epoch. `every`: only each so-many-th of the keys that were listed last.
    Rewrap {
        how: Observation,
        skew: i32,
        every: usize,
    },
    RewrapFiles,
    BeginUpload {
        file: u64,
    },
    /// `nth`: of the latest uploads that are not committed.
    CommitUpload {
        nth: usize,
        record: u8,
        prefix: u32,
    },
    AbortUpload {
        nth: usize,
    },
    DeleteFile {
        file: u64,
    },
    Sweep {
        grace: Duration,
        outcome: SweepOutcome,
    },
    /// Never so much, together, that something is due to the minute.
    TimePasses(Duration),
    /// `skew`: distance to the current epoch.
    PutShares {
        skew: i32,
        fill: u8,
    },
    Look {
        since: u64,
    },
    Reopen,
}

/// Basis of the entries of a rewrap.
#[derive(Clone, Copy, Debug)]
pub(super) enum Observation {
    /// By the bound of the listing.
    Listed,
    /// By the key itself.
    Observed,
}

pub(super) fn histories() -> impl Strategy<Value = Vec<Step>> {
    vec(steps(), 1..40)
}

fn steps() -> impl Strategy<Value = Step> {
    let space = prop_oneof![4 => Just(SHARED), 1 => Just(PERSONAL)];
    let bearer = prop_oneof![1 => Just(0_usize), 1 => Just(1_usize), 6 => Just(2_usize)];
    (space, bearer, acts()).prop_map(|(space, bearer, act)| Step { space, bearer, act })
}

/// Mostly what a good client does; now and then a little off.
fn acts() -> impl Strategy<Value = Act> {
    let skews = || prop_oneof![12 => Just(0), 1 => Just(-1), 1 => Just(1)];
    let how = prop_oneof![Just(Observation::Listed), Just(Observation::Observed)];
    prop_oneof![
        8 => pushes().prop_map(Act::Push),
        4 => (prop_oneof![6 => Just(0), 1 => Just(1)], prop::bool::weighted(0.1), 1..40_usize)
            .prop_map(|(behind, stray, length)| Act::Append { behind, stray, length }),
        1 => prop::sample::select(&REVOKED[..]).prop_map(Act::Revoke),
        4 => (skews(), any::<bool>()).prop_map(|(skew, raise_minimum)| Act::Advance { skew, raise_minimum }),
        4 => skews().prop_map(|skew| Act::Complete { skew }),
        3 => Just(Act::List),
        6 => (how, skews(), prop_oneof![3 => Just(1), 1 => Just(2)])
            .prop_map(|(how, skew, every)| Act::Rewrap { how, skew, every }),
        2 => Just(Act::RewrapFiles),
        6 => (0..FILES).prop_map(|file| Act::BeginUpload { file }),
        6 => (prop_oneof![4 => Just(0_usize), 1 => 1..3_usize], 0..8_u8, 1..5_u32)
            .prop_map(|(nth, record, prefix)| Act::CommitUpload { nth, record, prefix }),
        1 => (0..3_usize).prop_map(|nth| Act::AbortUpload { nth }),
        2 => (0..FILES).prop_map(|file| Act::DeleteFile { file }),
        3 => (prop::sample::select(&GRACES[..]), prop::sample::select(&OUTCOMES[..]))
            .prop_map(|(grace, outcome)| Act::Sweep { grace, outcome }),
        2 => prop::sample::select(&SPANS[..]).prop_map(Act::TimePasses),
        2 => (-2..=2_i32, any::<u8>()).prop_map(|(skew, fill)| Act::PutShares { skew, fill }),
        3 => (0..12_u64).prop_map(|since| Act::Look { since }),
        1 => Just(Act::Reopen),
    ]
}

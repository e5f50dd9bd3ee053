//! Share of a member without administration rights in a membership log (storage §3.9, step 5).
//!
//! A quarter of the log is kept for administrators, so that no member can prevent removals. What one member may append is
//! bounded by bytes per day besides, counted in memory per process, up to its share among the live nodes.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use less_sync_core::{SpaceId, Timestamp};
use less_sync_storage::{MEMBER_OVERHEAD, MemberLimits, NewMember};
use parking_lot::Mutex;

use crate::actor::Actor;
use crate::live_nodes::LiveNodes;

const DAY: Duration = Duration::from_hours(24);

/// Members in memory. A full map first drops those whose day has passed; then members who are not in it have no share.
const CAPACITY: usize = 100_000;

/// Bytes that members have appended within a day, by a hash of member and space under a random key of this process.
pub(crate) struct LogShares {
    members: RandomState,
    nodes: LiveNodes,
    appended: Mutex<HashMap<u64, VecDeque<(Timestamp, u64)>>>,
}

/// Limits for one append by a member. Dropped without [`Share::commit`], the append does not count.
pub(crate) struct Share<'a> {
    /// Limits of the log for this append: none of it is left for a member without a budget.
    pub(crate) limits: MemberLimits,
    counted: Option<(&'a LogShares, u64, Timestamp, u64)>,
}

impl LogShares {
    pub(crate) fn new(nodes: LiveNodes) -> Self {
        Self { members: RandomState::new(), nodes, appended: Mutex::default() }
    }

    /// Counts the entry against the day of the member and returns the limits for it. The store checks them, behind all other
    /// conditions of an append.
    pub(crate) fn reserve(
        &self,
        actor: &Actor<'_>,
        space: SpaceId,
        entry: &NewMember,
        limits: MemberLimits,
        now: Timestamp,
    ) -> Share<'_> {
        let member = self.members.hash_one((&actor.issuer, actor.user, space));
        let bytes = entry.log_bytes();
        if self.count(member, bytes, self.day_bytes(limits), now) {
            let limits = MemberLimits { log: limits.log / 4 * 3, ..limits };
            Share { limits, counted: Some((self, member, now, bytes)) }
        } else {
            Share { limits: MemberLimits { log: 0, ..limits }, counted: None }
        }
    }

    fn count(&self, member: u64, bytes: u64, limit: u64, now: Timestamp) -> bool {
        let mut appended = self.appended.lock();
        if appended.len() >= CAPACITY && !appended.contains_key(&member) {
            appended.retain(|_, entries| entries.back().is_some_and(|(last, _)| now.since(*last) < DAY));
            if appended.len() >= CAPACITY {
                return false;
            }
        }
        let entries = appended.entry(member).or_default();
        while entries.front().is_some_and(|(first, _)| now.since(*first) >= DAY) {
            entries.pop_front();
        }
        let used: u64 = entries.iter().map(|(_, bytes)| bytes).sum();
        if used.saturating_add(bytes) > limit {
            return false;
        }
        entries.push_back((now, bytes));
        true
    }

    /// Bytes per member and day: a 64th of the log, shared by the nodes, and at least one entry of the largest size.
    fn day_bytes(&self, limits: MemberLimits) -> u64 {
        self.nodes.share_of_bytes(limits.log / 64).max((limits.payload + MEMBER_OVERHEAD) as u64)
    }

    fn release(&self, member: u64, at: Timestamp, bytes: u64) {
        let mut appended = self.appended.lock();
        let Some(entries) = appended.get_mut(&member) else { return };
        if let Some(index) = entries.iter().rposition(|entry| *entry == (at, bytes)) {
            entries.remove(index);
        }
        if entries.is_empty() {
            appended.remove(&member);
        }
    }
}

impl Share<'_> {
    /// Makes the count of an append permanent.
    pub(crate) fn commit(mut self) {
        self.counted = None;
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        if let Some((shares, member, at, bytes)) = self.counted {
            shares.release(member, at, bytes);
        }
    }
}

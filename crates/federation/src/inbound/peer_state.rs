//! State that all links of one peer share: quotas, watched spaces, and the memory of its mutations (federation §16.2).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use less_sync_core::PeerId;
use less_sync_realtime::{QuotaExceeded, RepeatMemory, WatchedSpaces};
use parking_lot::Mutex;

use crate::bucket::{Bucket, Rate};
use crate::trust::QuotaSettings;

/// Longest time for which a link is not read because of the rate of its calls; beyond it they are rejected.
const PATIENCE: Duration = Duration::from_secs(2);

/// Rejections in [`ABUSE_WINDOW`] after which the links of a peer are closed (federation AD-8).
const ABUSE: u32 = 1000;

/// Period over which rejections are counted, and not longer.
const ABUSE_WINDOW: Duration = Duration::from_mins(10);

/// Time for which the upgrades of a peer are rejected after that.
const PENALTY: Duration = Duration::from_mins(1);

/// States of the peers that have dialled.
#[derive(Debug, Default)]
pub(super) struct PeerStates(Mutex<BTreeMap<PeerId, Arc<PeerState>>>);

impl PeerStates {
    /// The state of a trusted peer, made when it dials for the first time.
    pub(super) fn of(&self, peer: &PeerId, now: Instant) -> Arc<PeerState> {
        let mut states = self.0.lock();
        states.entry(peer.clone()).or_insert_with(|| Arc::new(PeerState::new(now))).clone()
    }

    /// The state of a peer, if it has dialled.
    pub(super) fn known(&self, peer: &PeerId) -> Option<Arc<PeerState>> {
        self.0.lock().get(peer).cloned()
    }
}

/// State of one peer.
#[derive(Debug)]
pub(super) struct PeerState {
    pub(super) watched: WatchedSpaces,
    pub(super) repeats: Arc<RepeatMemory>,
    usage: Mutex<Usage>,
}

#[derive(Debug)]
struct Usage {
    records: Bucket,
    bytes: Bucket,
    invitations: Bucket,
    requests: Bucket,
    notifications: Bucket,
    rejections: u32,
    rejections_since: Instant,
    penalty_until: Option<Instant>,
}

/// Usage of a peer within the last hour (federation §18.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct HourlyUsage {
    pub(super) records: u64,
    pub(super) bytes: u64,
    pub(super) invitations: u64,
}

impl PeerState {
    fn new(now: Instant) -> Self {
        let bucket = || Bucket::new(now);
        let usage = Usage {
            records: bucket(),
            bytes: bucket(),
            invitations: bucket(),
            requests: bucket(),
            notifications: bucket(),
            rejections: 0,
            rejections_since: now,
            penalty_until: None,
        };
        Self { watched: WatchedSpaces::default(), repeats: Arc::default(), usage: Mutex::new(usage) }
    }

    /// Counts a push, or nothing.
    pub(super) fn charge_push(
        &self,
        records: usize,
        bytes: usize,
        quotas: &QuotaSettings,
        now: Instant,
    ) -> Result<(), QuotaExceeded> {
        let exceeded = |retry_after| QuotaExceeded { retry_after };
        let (records, bytes) = (records as u64, bytes as u64);
        let mut usage = self.usage.lock();
        usage.records.take(records, Rate::hourly(quotas.records_per_hour.into()), now).map_err(exceeded)?;
        let charged = usage.bytes.take(bytes, Rate::hourly(quotas.bytes_per_hour), now).map_err(exceeded);
        if charged.is_err() {
            usage.records.give_back(records);
        }
        charged
    }

    /// Counts an invitation, or nothing.
    pub(super) fn charge_invitation(
        &self,
        quotas: &QuotaSettings,
        now: Instant,
    ) -> Result<(), QuotaExceeded> {
        let rate = Rate::hourly(quotas.invitations_per_hour.into());
        let charged = self.usage.lock().invitations.take(1, rate, now);
        charged.map_err(|retry_after| QuotaExceeded { retry_after })
    }

    /// Counts a call, and returns the time for which its link is not read, or counts nothing.
    pub(super) fn charge_call(
        &self,
        is_notification: bool,
        quotas: &QuotaSettings,
        now: Instant,
    ) -> Result<Duration, QuotaExceeded> {
        let mut usage = self.usage.lock();
        let (bucket, rate) = if is_notification {
            (&mut usage.notifications, quotas.notifications_per_second)
        } else {
            (&mut usage.requests, quotas.requests_per_second)
        };
        let wait = bucket.take_one(Rate::per_second(rate), now, PATIENCE);
        wait.ok_or(QuotaExceeded { retry_after: PATIENCE })
    }

    /// Counts a rejection; true for the one that makes an abuse of it.
    pub(super) fn is_abuse(&self, now: Instant) -> bool {
        let mut usage = self.usage.lock();
        if now.saturating_duration_since(usage.rejections_since) >= ABUSE_WINDOW {
            (usage.rejections, usage.rejections_since) = (0, now);
        }
        usage.rejections += 1;
        let is_abuse = usage.rejections > ABUSE;
        if is_abuse {
            usage.rejections = 0;
            usage.penalty_until = Some(now + PENALTY);
        }
        is_abuse
    }

    /// True while upgrades of the peer are rejected.
    pub(super) fn is_penalized(&self, now: Instant) -> bool {
        self.usage.lock().penalty_until.is_some_and(|until| now < until)
    }

    /// Usage within the last hour.
    pub(super) fn hourly(&self, quotas: &QuotaSettings, now: Instant) -> HourlyUsage {
        let mut usage = self.usage.lock();
        HourlyUsage {
            records: usage.records.used(Rate::hourly(quotas.records_per_hour.into()), now),
            bytes: usage.bytes.used(Rate::hourly(quotas.bytes_per_hour), now),
            invitations: usage.invitations.used(Rate::hourly(quotas.invitations_per_hour.into()), now),
        }
    }
}

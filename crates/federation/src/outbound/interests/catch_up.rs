//! Changes that were missed while there was no link, read from the home once for all local subscribers (federation CU-3).

use std::collections::HashSet;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use less_sync_core::{SpaceId, limits};
use less_sync_engine::{HomeError, HomePosition, RemotePull, RemoteRows as _};
use less_sync_storage::{CursorAhead, PullRequest, Row};

use super::Interests;
use crate::outbound::event_metrics::CaughtUp;
use crate::outbound::pull_relay::PullRelay;

/// Maximum concurrent pulls at one home.
const PULLS: usize = 4;

/// Maximum rows of one catch-up, inclusive. Beyond it every client pulls from its own cursor.
const MAX_ROWS: usize = 20_000;

/// The same in bytes of blobs and log entries.
const MAX_BYTES: usize = 64 * limits::MIB;

/// Maximum time of one catch-up (federation FM-29).
const MAX_TIME: Duration = Duration::from_mins(4);

/// Attempts of one catch-up; the second one continues the first.
const ATTEMPTS: u32 = 2;

/// Reason for which the clients have to read the changes themselves.
enum Unread {
    /// More than [`MAX_ROWS`] or [`MAX_BYTES`], or no chain that is valid.
    Unreadable,
    /// Failure of the home or its link.
    Failed(HomeError),
}

impl From<HomeError> for Unread {
    fn from(error: HomeError) -> Self {
        Self::Failed(error)
    }
}

impl Interests {
    /// Reads what is missing in `space` up to `position`, in the background.
    pub(super) fn read_missing(&self, space: SpaceId, position: HomePosition) {
        // Before anything else of the space: events that come meanwhile wait.
        self.events.catching_up(space);
        self.catch_ups.add(space, position);
    }

    /// Reads what [`Self::read_missing`] names. Never ends.
    pub(super) async fn catch_up_forever(&self) {
        let (mut pulls, mut running) = (FuturesUnordered::new(), HashSet::new());
        loop {
            while pulls.len() < PULLS
                && let Some((space, position)) = self.catch_ups.next(&running)
            {
                running.insert(space);
                pulls.push(self.catch_up(space, position));
            }
            tokio::select! {
                () = self.catch_ups.added() => {}
                Some(space) = pulls.next() => {
                    running.remove(&space);
                }
            }
        }
    }

    async fn catch_up(&self, space: SpaceId, position: HomePosition) -> SpaceId {
        self.events.catching_up(space);
        let clock = self.outbound.clock();
        let outcome = tokio::select! {
            biased;
            outcome = self.attempt(space) => outcome,
            () = clock.sleep_until(clock.instant() + MAX_TIME) => Err(Unread::Unreadable),
        };
        self.catch_ups.remove(space, position);
        let end = match outcome {
            Ok(reached) if reached.cursor >= position.cursor => reached,
            // The next link begins anew, where this one has stopped.
            Err(Unread::Failed(_)) if self.outbound.current_link(&self.peer).is_none() => {
                HomePosition { cursor: self.delivered(space), ..position }
            }
            Ok(_) | Err(_) => position,
        };
        let is_hinted = self.events.caught_up(space, end);
        let result = if is_hinted { CaughtUp::Hinted } else { CaughtUp::Complete };
        self.outbound.event_metrics().caught_up(&self.peer, result);
        if is_hinted {
            // Event name of federation §18.4.
            tracing::info!(peer = %self.peer, space_id = %space, "federation.pull_hint");
            self.outbound.event_metrics().hinted(&self.peer);
        }
        space
    }

    async fn attempt(&self, space: SpaceId) -> Result<HomePosition, Unread> {
        let mut last = Err(Unread::Unreadable);
        for _ in 0..ATTEMPTS {
            last = self.read(space).await;
            match &last {
                Ok(_) | Err(Unread::Unreadable) => break,
                Err(Unread::Failed(error)) => {
                    tracing::debug!(peer = %self.peer, %error, "catch-up at a home failed");
                }
            }
        }
        last
    }

    /// Reads from what was delivered to the cursor of the home, and delivers it. Returns that position.
    async fn read(&self, space: SpaceId) -> Result<HomePosition, Unread> {
        let time = self.outbound.clock().now();
        let ucan = self.table.lock().get(&space).and_then(|interest| interest.ucan(time));
        let (Some(ucan), Some(since)) = (ucan, self.events.delivered(space)) else {
            return Err(Unread::Unreadable);
        };
        let request = PullRequest { since, ahead: CursorAhead::Error };
        let pull = RemotePull { space, request, ucan: ucan.as_ref().into() };
        let mut pull = PullRelay::begin(self.outbound.clone(), self.peer.clone(), pull).await?;
        let state = pull.state();
        let (cursor, key_generation) = (state.cursor, state.key_generation);
        let position = HomePosition { cursor, key_generation, rewrap_epoch: state.rewrap_epoch };
        let (mut waiting, mut count, mut bytes) = (Vec::new(), 0_usize, 0_usize);
        while let Some(rows) = pull.next().await? {
            // Rows above the commit come as events, whole.
            waiting.extend(rows.into_iter().filter(|row| row.cursor() <= cursor).inspect(|row| {
                count += 1;
                bytes += size(row);
            }));
            if count > MAX_ROWS || bytes > MAX_BYTES {
                return Err(Unread::Unreadable);
            }
            // The rows of the last cursor may go on in the next group.
            let Some(last) = waiting.last().map(Row::cursor) else { continue };
            let rest = waiting.split_off(waiting.partition_point(|row| row.cursor() < last));
            self.deliver_rows(space, position, &waiting);
            waiting = rest;
        }
        self.deliver_rows(space, position, &waiting);
        Ok(position)
    }

    fn deliver_rows(&self, space: SpaceId, position: HomePosition, rows: &[Row]) {
        if !rows.is_empty() {
            self.outbound.event_metrics().entries(&self.peer, rows.len());
            self.events.rows(space, position, rows);
        }
    }
}

/// Size of the variable parts of a row, in bytes.
fn size(row: &Row) -> usize {
    use less_sync_storage::RecordState;
    match row {
        Row::Record(record) => match &record.state {
            RecordState::Live { blob, .. } => blob.len(),
            RecordState::Tombstone => 0,
        },
        Row::Member(entry) => entry.payload.len(),
        Row::File(_) => 0,
    }
}

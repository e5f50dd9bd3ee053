//! Publication of rows that were read elsewhere: from the database, after a change of another node, or from the home of a remote
//! space.

use less_sync_core::SpaceId;
use less_sync_storage::Row;

use super::{Broker, Position, Progress, RemoteStep};
use crate::replay::{self, ReplayedSpace};

/// Maximum number of encodings of what was read, for a space whose other events are published meanwhile.
const ATTEMPTS: u32 = 8;

impl Broker {
    /// Publishes `rows`, between events that wait for them. They are complete: nothing is missing between what was delivered and
    /// the first of them, nor among them.
    pub(crate) fn publish_rows(&self, space: SpaceId, position: Position, rows: &[Row]) {
        for attempt in 1..=ATTEMPTS {
            let Some(progress) = self.progress(space) else { return };
            let steps = steps(space, position, &progress, rows);
            // Events that were published meanwhile would leave the clients a gap.
            let expected = (attempt < ATTEMPTS).then_some(&progress);
            if self.publish_read(space, expected, steps) {
                return;
            }
        }
    }
}

/// Changes in `rows` that are not delivered.
fn steps(space: SpaceId, position: Position, progress: &Progress, rows: &[Row]) -> Vec<RemoteStep> {
    let Position { key_generation, rewrap_epoch, .. } = position;
    let space = ReplayedSpace { id: space, key_generation, rewrap_epoch };
    let since = progress.delivered;
    let missing = rows.iter().position(|row| row.cursor() > since).unwrap_or(rows.len());
    let rows = rows.get(missing..).unwrap_or_default();
    let mut frames = replay::frames_among(space, since, &progress.waiting, rows).into_iter().peekable();
    let mut steps = Vec::new();
    while let Some((cursor, frame)) = frames.next() {
        // Records with the files that were deleted together with them.
        let second = frames.next_if(|(next, _)| *next == cursor).map(|(_, frame)| frame);
        // The steps are complete from `since` on.
        steps.push(RemoteStep { prev: since, position: Position { cursor, ..position }, frame, second });
    }
    steps
}

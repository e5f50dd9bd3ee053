//! Where records that are to be changed were last written.

use std::collections::HashMap;

use anyhow::Context as _;
use less_sync_client::{OnCursorAhead, PullItem};
use less_sync_core::{Cursor, RecordId};

use crate::target::Opened;

/// The cursors of these records, deleted ones included; those that were never written are missing.
///
/// Reads the whole space, for there is no other way to ask: first what lives, and only if that does not
/// suffice what was deleted, too.
pub(super) async fn look_up(
    opened: &Opened,
    records: &[RecordId],
) -> anyhow::Result<HashMap<RecordId, Cursor>> {
    let mut cursors = HashMap::new();
    // A cursor that no space can have is answered with everything, tombstones included (protocol §4.4).
    for since in [Cursor::ZERO, Cursor::MAX] {
        if records.iter().any(|record| !cursors.contains_key(record)) {
            search(opened, since, records, &mut cursors).await.context("cannot look up the record")?;
        }
    }
    Ok(cursors)
}

async fn search(
    opened: &Opened,
    since: Cursor,
    records: &[RecordId],
    cursors: &mut HashMap<RecordId, Cursor>,
) -> anyhow::Result<()> {
    let space = [opened.pull_space(since)];
    let mut pull = opened.connection.pull_with(&space, Some(OnCursorAhead::Rewind)).await?;
    while let Some(item) = pull.next().await {
        if let PullItem::Record(row) = item?
            && records.contains(&row.id)
        {
            cursors.insert(row.id, row.cursor);
        }
    }
    let summary = pull.finish().await?;
    anyhow::ensure!(summary.skipped.is_empty(), "the server does not show this space");
    Ok(())
}

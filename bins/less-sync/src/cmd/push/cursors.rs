//! Lookup of the current cursors of records.

use std::collections::HashMap;

use anyhow::Context as _;
use less_sync_client::{CallError, PullItem, PullStream};
use less_sync_core::{Cursor, RecordId};

use crate::advised::no_access;
use crate::target::SpaceConnection;

/// Cursors of these records, tombstones included; records that were never written are missing.
///
/// The protocol has no query for a record, so this pulls the whole space: first live records, then, if any are missing,
/// tombstones as well.
pub(super) async fn look_up(
    opened: &SpaceConnection,
    records: &[RecordId],
) -> anyhow::Result<HashMap<RecordId, Cursor>> {
    let mut cursors = HashMap::new();
    if !records.is_empty() {
        let live = opened.connection.pull(&[opened.pull_space(Cursor::ZERO)]).await;
        search(live, records, &mut cursors).await.context("cannot look up the record")?;
    }
    if records.iter().any(|record| !cursors.contains_key(record)) {
        let whole = opened.connection.pull_whole(&[opened.keys.access()]).await;
        search(whole, records, &mut cursors).await.context("cannot look up the record")?;
    }
    Ok(cursors)
}

async fn search(
    pull: Result<PullStream, CallError>,
    records: &[RecordId],
    cursors: &mut HashMap<RecordId, Cursor>,
) -> anyhow::Result<()> {
    let mut pull = pull?;
    while let Some(item) = pull.next().await {
        if let PullItem::Record(row) = item?
            && records.contains(&row.id)
        {
            cursors.insert(row.id, row.cursor);
        }
    }
    let summary = pull.finish().await?;
    if summary.skipped.is_empty() { Ok(()) } else { Err(no_access()) }
}

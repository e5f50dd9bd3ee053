//! Push of a single record: the most frequent statement.

use less_sync_core::Dek;
use less_sync_storage::{Change, DeletedFile, Quotas, RecordState};
use uuid::Uuid;

use super::job::Job;
use super::outcome::{PushOutcome, PushRow};
use crate::session::Session;
use crate::usage::parameter;

/// Applies the push in one round trip, in a transaction of its own. `wait`: for the locks of the space and
/// of its owner.
pub(super) async fn apply(
    connection: &mut Session,
    wait: bool,
    quotas: Quotas,
    job: &Job,
    change: &Change,
) -> Result<PushRow, sqlx::Error> {
    let ((blob, dek), cids) = (content(&change.state), job.cids());
    let applied = sqlx::query!(
        r#"SELECT outcome AS "outcome!", space_cursor, key_generation, rewrap_epoch, deleted_files
           FROM less_sync_push_one_2($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"#,
        wait,
        parameter(quotas.space),
        parameter(quotas.user),
        job.space.as_uuid(),
        cids.as_deref(),
        job.push.oldest_epoch().map(i64::from),
        change.id.as_uuid(),
        change.expected.as_i64(),
        blob,
        dek,
    );
    let deleted = |file: Uuid| DeletedFile { id: file.into(), record: change.id };
    // Reads to the end of the response: only then is the statement committed.
    let row = applied.fetch_one(connection).await?;
    Ok(PushRow {
        outcome: PushOutcome::try_from(row.outcome),
        space_cursor: row.space_cursor,
        key_generation: row.key_generation,
        rewrap_epoch: row.rewrap_epoch,
        deleted_files: row.deleted_files.into_iter().flatten().map(deleted).collect(),
    })
}

/// The columns of a state. A tombstone has neither, whatever the client sent.
pub(super) fn content(state: &RecordState) -> (Option<&[u8]>, Option<&[u8]>) {
    match state {
        RecordState::Live { blob, dek } => (Some(blob), dek.as_ref().map(|dek: &Dek| &dek.as_bytes()[..])),
        RecordState::Tombstone => (None, None),
    }
}

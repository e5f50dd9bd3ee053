//! Completion of a rewrap (storage §3.11): no live key may be older than its epoch.
//!
//! The whole space is scanned before its lock is taken, since that may take a while. Under the lock only the rows that came
//! since are scanned: a push moves its row above the cursor of the first scan, so below it keys can only have become newer.

use less_sync_core::{Cursor, Epoch, Requested};
use less_sync_storage::{Access, EpochRejection, MAX_COUNTED_KEYS};
use uuid::Uuid;

use crate::access::{for_reading, for_writing};
use crate::epoch_keys;
use crate::session::Session;
use crate::transaction::{Aborted, Transaction};

/// Live keys that are too old.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct OutdatedKeys {
    pub(super) records: usize,
    pub(super) files: usize,
}

/// Result of the probe that runs before the lock of the space is taken.
#[derive(Clone, Copy, Debug)]
pub(super) struct Probed {
    /// Rows up to this cursor were scanned.
    cursor: Cursor,
    outdated: OutdatedKeys,
}

/// Scans the space without its lock, if a rewrap to `epoch` is pending.
pub(super) async fn probe(
    db: &mut Session,
    access: &Access,
    epoch: Requested<Epoch>,
) -> Result<Probed, Aborted<EpochRejection>> {
    let space = for_reading(db, access).await??;
    let Some(epoch) = pending(space.rewrap_epoch, epoch) else {
        return Ok(Probed { cursor: Cursor::ZERO, outdated: OutdatedKeys::default() });
    };
    let outdated = outdated(db, space.id.as_uuid(), Cursor::ZERO, space.cursor, epoch).await?;
    Ok(Probed { cursor: space.cursor, outdated })
}

/// Ends the rewrap, and returns the outdated keys that prevent it; none when it has ended.
pub(super) struct Completion<'a> {
    pub(super) access: &'a Access,
    pub(super) epoch: Requested<Epoch>,
    pub(super) probed: Probed,
}

impl Transaction for Completion<'_> {
    type Outcome = OutdatedKeys;
    type Rejection = EpochRejection;

    async fn run(&self, db: &mut Session) -> Result<OutdatedKeys, Aborted<EpochRejection>> {
        let space = for_writing(db, self.access).await?;
        let Some(epoch) = pending(space.rewrap_epoch, self.epoch) else {
            let is_current = space.key_generation > Epoch::FIRST && self.epoch.is(space.key_generation);
            let is_repeat = space.rewrap_epoch.is_none() && is_current;
            return if is_repeat {
                Ok(OutdatedKeys::default())
            } else {
                Err(EpochRejection::Mismatch.into())
            };
        };
        let since = outdated(db, space.id, self.probed.cursor, space.cursor, epoch).await?;
        let left = OutdatedKeys {
            records: (since.records + self.probed.outdated.records).min(MAX_COUNTED_KEYS),
            files: (since.files + self.probed.outdated.files).min(MAX_COUNTED_KEYS),
        };
        let ended = left.records == 0 && left.files == 0;
        end(db, space.id, epoch, ended).await?;
        if ended {
            epoch_keys::prune(db, space.id, epoch).await?;
        }
        Ok(left)
    }
}

/// The pending epoch, if it is the requested one.
fn pending(rewrap_epoch: Option<Epoch>, epoch: Requested<Epoch>) -> Option<Epoch> {
    rewrap_epoch.filter(|pending| epoch.is(*pending))
}

/// Raises the minimum epoch in any case, so that writers under the old epoch cannot delay the end forever.
async fn end(db: &mut Session, space: Uuid, epoch: Epoch, ended: bool) -> Result<(), sqlx::Error> {
    let updated = sqlx::query!(
        "UPDATE spaces SET min_key_generation = greatest(min_key_generation, $2), updated_at = now(),
                rewrap_epoch = CASE WHEN $3 THEN NULL ELSE rewrap_epoch END
         WHERE id = $1",
        space,
        epoch.get(),
        ended,
    );
    updated.execute(db).await.map(drop)
}

/// Live keys older than `epoch` in rows above `since` and up to `until`, counted up to a limit. `bytea` is compared byte
/// by byte, which is the unsigned order of epoch prefixes. Keys of another length open nothing, and do not count. The
/// order keeps the plan on the index of pulls, and `OFFSET 0` keeps the planner from guessing how few rows will be left.
async fn outdated(
    db: &mut Session,
    space: Uuid,
    since: Cursor,
    until: Cursor,
    epoch: Epoch,
) -> Result<OutdatedKeys, sqlx::Error> {
    let counted = sqlx::query!(
        r#"SELECT (SELECT count(*) FROM (
                       SELECT FROM (
                           SELECT wrapped_dek FROM records
                           WHERE space_id = $1 AND cursor > $2 AND cursor <= $3 AND NOT deleted
                           ORDER BY cursor, id OFFSET 0) AS live
                       WHERE length(wrapped_dek) = 44 AND substr(wrapped_dek, 1, 4) < $4 LIMIT $5) AS old) AS "records!",
                  (SELECT count(*) FROM (
                       SELECT FROM (
                           SELECT wrapped_dek FROM files
                           WHERE space_id = $1 AND cursor > $2 AND cursor <= $3 AND NOT deleted
                           ORDER BY cursor, id OFFSET 0) AS live
                       WHERE length(wrapped_dek) = 44 AND substr(wrapped_dek, 1, 4) < $4 LIMIT $5) AS old) AS "files!""#,
        space,
        since.as_i64(),
        until.as_i64(),
        &epoch.get().to_be_bytes()[..],
        i64::try_from(MAX_COUNTED_KEYS).unwrap_or(i64::MAX),
    );
    let row = counted.fetch_one(db).await?;
    let count = |rows: i64| usize::try_from(rows).unwrap_or(MAX_COUNTED_KEYS);
    Ok(OutdatedKeys { records: count(row.records), files: count(row.files) })
}

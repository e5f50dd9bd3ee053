//! Checks of an upload against the space, its record and its file, and the change that an accepted one makes.

use less_sync_storage::stored::epoch;
use less_sync_storage::{
    Access, Claim, Claimed, FileChange, FileError, FileRejection, Quotas, ROW_BYTES, StorageError,
    StoredBytes,
};
use uuid::Uuid;

use crate::access::{Locked, ReadCheck, WriteCheck, cids};
use crate::error::database;
use crate::session::Session;
use crate::transaction::Aborted;

/// Checks the claim of `size` bytes in one snapshot, without a lock: the result may be outdated at once.
pub(super) async fn look(
    db: &mut Session,
    access: &Access,
    claim: &Claim,
    size: u64,
    quotas: Quotas,
) -> Result<Claimed, Aborted<FileRejection>> {
    let found = sqlx::query!(
        r#"SELECT root_public_key IS NOT NULL AS "shared!", home_server IS NOT NULL AS "remote!", min_key_generation,
                  EXISTS (SELECT FROM revocations WHERE space_id = $1 AND ucan_cid = ANY ($2)) AS "revoked!",
                  EXISTS (SELECT FROM records WHERE space_id = $1 AND id = $3 AND NOT deleted) AS "owner_is_live!",
                  (SELECT record_id FROM files WHERE space_id = $1 AND id = $4 AND NOT deleted) AS owned_by,
                  EXISTS (SELECT FROM files WHERE space_id = $1 AND id = $4) AS "has_row!",
                  spaces.stored_bytes, u.stored_bytes AS "owner_bytes?"
           FROM spaces LEFT JOIN owner_usage u ON u.owner_hash = spaces.owner_hash WHERE id = $1"#,
        access.space().as_uuid(),
        &cids(access),
        claim.record.as_uuid(),
        claim.file.as_uuid(),
    );
    let row = found.fetch_optional(db).await?.ok_or(StorageError::SpaceNotFound)?;
    let read = ReadCheck { shared: row.shared, revoked: row.revoked };
    WriteCheck { read, remote: row.remote }.admit(access)?;
    let minimum = row.shared.then(|| epoch(row.min_key_generation)).transpose()?;
    let claimed = claim.verdict(row.owner_is_live, row.owned_by.map(Into::into), minimum)?;
    if claimed == Claimed::Free {
        let stored = StoredBytes { space: row.stored_bytes, owner: row.owner_bytes };
        let growth = growth(claim, size, row.has_row)?;
        quotas.check(stored, growth).map_err(FileRejection::QuotaExceeded)?;
    }
    Ok(claimed)
}

/// Stored bytes that a file adds. Its row counts once, and so not for a file that is a tombstone now.
fn growth(claim: &Claim, size: u64, has_row: bool) -> Result<i64, FileError> {
    let row = if has_row { 0 } else { ROW_BYTES };
    let bytes = size.saturating_add(row + claim.dek.as_bytes().len() as u64);
    i64::try_from(bytes).map_err(database)
}

/// Verdict on a claim under the lock of its space.
pub(super) enum Settled {
    /// The file exists already.
    Exists,
    /// The file is to be written, and adds so many stored bytes.
    Free { growth: i64 },
}

/// The same under the lock of the space: by a later statement than the one that locks, so that nothing of it is older than
/// the lock.
pub(super) async fn settle(
    db: &mut Session,
    space: &Locked,
    claim: &Claim,
    size: u64,
) -> Result<Settled, Aborted<FileRejection>> {
    let found = sqlx::query!(
        r#"SELECT EXISTS (SELECT FROM records WHERE space_id = $1 AND id = $2 AND NOT deleted) AS "owner_is_live!",
                  (SELECT record_id FROM files WHERE space_id = $1 AND id = $3 AND NOT deleted) AS owned_by,
                  EXISTS (SELECT FROM files WHERE space_id = $1 AND id = $3) AS "has_row!""#,
        space.id,
        claim.record.as_uuid(),
        claim.file.as_uuid(),
    );
    let row = found.fetch_one(db).await?;
    match claim.verdict(row.owner_is_live, row.owned_by.map(Into::into), space.minimum)? {
        Claimed::Exists => Ok(Settled::Exists),
        Claimed::Free => Ok(Settled::Free { growth: growth(claim, size, row.has_row)? }),
    }
}

/// The next mutation of a space, which is one of a file of `record`.
pub(super) fn change(space: &Locked, record: Uuid) -> Result<FileChange, FileError> {
    Ok(FileChange {
        prev: space.cursor,
        cursor: space.cursor.next().ok_or(FileRejection::CursorExhausted)?,
        key_generation: space.key_generation,
        rewrap_epoch: space.rewrap_epoch,
        record: record.into(),
    })
}

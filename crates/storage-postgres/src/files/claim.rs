//! Checks of an upload against the space, its record and its file, and the change that an accepted one makes.

use less_sync_storage::stored::epoch;
use less_sync_storage::{Access, Claim, Claimed, FileChange, FileError, FileRejection, StorageError};
use uuid::Uuid;

use crate::access::{Locked, ReadCheck, WriteCheck, cids};
use crate::session::Session;
use crate::transaction::Aborted;

/// Checks the claim in one snapshot, without a lock: the result may be outdated at once.
pub(super) async fn look(
    db: &mut Session,
    access: &Access,
    claim: &Claim,
) -> Result<Claimed, Aborted<FileRejection>> {
    let found = sqlx::query!(
        r#"SELECT root_public_key IS NOT NULL AS "shared!", home_server IS NOT NULL AS "remote!", min_key_generation,
                  EXISTS (SELECT FROM revocations WHERE space_id = $1 AND ucan_cid = ANY ($2)) AS "revoked!",
                  EXISTS (SELECT FROM records WHERE space_id = $1 AND id = $3 AND NOT deleted) AS "owner_is_live!",
                  (SELECT record_id FROM files WHERE space_id = $1 AND id = $4 AND NOT deleted) AS owned_by
           FROM spaces WHERE id = $1"#,
        access.space().as_uuid(),
        &cids(access),
        claim.record.as_uuid(),
        claim.file.as_uuid(),
    );
    let row = found.fetch_optional(db).await?.ok_or(StorageError::SpaceNotFound)?;
    let read = ReadCheck { shared: row.shared, revoked: row.revoked };
    WriteCheck { read, remote: row.remote }.admit(access)?;
    let minimum = row.shared.then(|| epoch(row.min_key_generation)).transpose()?;
    Ok(claim.verdict(row.owner_is_live, row.owned_by.map(Into::into), minimum)?)
}

/// The same under the lock of the space: by a later statement than the one that locks, so that nothing of it is older than
/// the lock.
pub(super) async fn settle(
    db: &mut Session,
    space: &Locked,
    claim: &Claim,
) -> Result<Claimed, Aborted<FileRejection>> {
    let found = sqlx::query!(
        r#"SELECT EXISTS (SELECT FROM records WHERE space_id = $1 AND id = $2 AND NOT deleted) AS "owner_is_live!",
                  (SELECT record_id FROM files WHERE space_id = $1 AND id = $3 AND NOT deleted) AS owned_by"#,
        space.id,
        claim.record.as_uuid(),
        claim.file.as_uuid(),
    );
    let row = found.fetch_one(db).await?;
    Ok(claim.verdict(row.owner_is_live, row.owned_by.map(Into::into), space.minimum)?)
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

//! Shares: keys of epochs, each wrapped for one member.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use less_sync_core::{Did, Epoch, Requested, SpaceId};
use less_sync_storage::{
    Access, AdminGrant, EpochKeyError, EpochKeyRejection, EpochKeys, KeyShares, PRUNED_KEY_SHARES, ReadGrant,
    StorageError,
};
use rusqlite::{Connection, OptionalExtension, params};

use crate::SqliteStorage;
use crate::access::{for_reading, for_writing};
use crate::clock::now_micros;
use crate::error::{database, storage_error};
use crate::writer::Load;

/// Estimate of the log bytes per share beside its key.
const SHARE_BYTES: usize = 256;

const DELETE: &str = "DELETE FROM epoch_keys WHERE space_id = ?1 AND epoch = ?2";

const INSERT: &str = "\
    INSERT INTO epoch_keys (space_id, epoch, member_did, wrapped_key, created_at) VALUES (?1, ?2, ?3, ?4, ?5)";

const SELECT: &str = "\
    SELECT wrapped_key FROM epoch_keys WHERE space_id = ?1 AND epoch = ?2 AND member_did = ?3";

const PRUNE: &str = "\
    DELETE FROM epoch_keys WHERE rowid IN (
        SELECT rowid FROM epoch_keys WHERE space_id = ?1 AND epoch <= ?2 LIMIT ?3
    )";

#[async_trait]
impl EpochKeys for SqliteStorage {
    async fn put_epoch_keys(
        &self,
        grant: &AdminGrant,
        epoch: Requested<Epoch>,
        shares: KeyShares,
    ) -> Result<(), EpochKeyError> {
        let access = grant.access().clone();
        let rows = shares.iter().count().saturating_mul(SHARE_BYTES);
        let bytes = shares.payload_bytes().saturating_add(rows);
        let (load, reserve) = (Load::of(&access, bytes), Arc::clone(&self.reserve));
        let has_room = move || reserve.admits(bytes);
        self.writer.write(load, move |db| put(db, &access, epoch, &shares, &has_room)).await
    }

    async fn epoch_key(
        &self,
        grant: &ReadGrant,
        epoch: Requested<Epoch>,
        member: &Did,
    ) -> Result<Option<Bytes>, StorageError> {
        let (access, member) = (grant.access().clone(), member.clone());
        self.readers
            .snapshot(grant.access().flow(), move |db| {
                let space = for_reading(db, &access)?;
                let Some(epoch) = epoch.value() else { return Ok(None) };
                let mut select = db.prepare_cached(SELECT).map_err(storage_error)?;
                let share = params![space.id.as_bytes(), epoch.get(), member.as_str()];
                let key = select.query_row(share, |row| row.get::<_, Vec<u8>>(0)).optional();
                Ok(key.map_err(storage_error)?.map(Bytes::from))
            })
            .await
    }
}

fn put(
    db: &Connection,
    access: &Access,
    epoch: Requested<Epoch>,
    shares: &KeyShares,
    has_room: impl Fn() -> bool,
) -> Result<(), EpochKeyError> {
    let space = for_writing(db, access)?;
    let latest = space.key_generation.next().unwrap_or(space.key_generation);
    let valid = epoch.value().filter(|epoch| *epoch <= latest);
    let epoch = valid.ok_or(EpochKeyRejection::InvalidEpoch)?.get();
    if !has_room() {
        return Err(EpochKeyRejection::StoreFull.into());
    }
    let id = space.id.as_bytes();
    let mut delete = db.prepare_cached(DELETE).map_err(storage_error)?;
    delete.execute(params![id, epoch]).map_err(storage_error)?;
    let (mut insert, now) = (db.prepare_cached(INSERT).map_err(storage_error)?, now_micros());
    for (member, key) in shares.iter() {
        insert.execute(params![id, epoch, member.as_str(), key.as_ref(), now]).map_err(storage_error)?;
    }
    Ok(())
}

/// Deletes the shares that are outdated once `epoch` is complete; those of the epoch before stay for devices that catch up
/// late. At most [`PRUNED_KEY_SHARES`] of them: the rest is deleted when the next epoch is complete.
pub(crate) fn prune<R>(db: &Connection, space: SpaceId, epoch: Epoch) -> Result<(), StorageError<R>> {
    let mut prune = db.prepare_cached(PRUNE).map_err(storage_error)?;
    let limit = i64::try_from(PRUNED_KEY_SHARES).map_err(database)?;
    prune.execute(params![space.as_bytes(), epoch.get() - 2, limit]).map(drop).map_err(storage_error)
}

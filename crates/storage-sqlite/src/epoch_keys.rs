//! Shares: keys of epochs, each wrapped for one member.

use async_trait::async_trait;
use bytes::Bytes;
use less_sync_core::{Did, Epoch, Requested, SpaceId};
use less_sync_storage::{
    Access, AdminGrant, EpochKeyError, EpochKeyRejection, EpochKeys, KeyShares, ReadGrant, StorageError,
};
use rusqlite::{Connection, OptionalExtension, params};

use crate::SqliteStorage;
use crate::access::{for_reading, for_writing};
use crate::clock::now_micros;
use crate::error::storage_error;
use crate::writer::Load;

const DELETE: &str = "DELETE FROM epoch_keys WHERE space_id = ?1 AND epoch = ?2";

const INSERT: &str = "\
    INSERT INTO epoch_keys (space_id, epoch, member_did, wrapped_key, created_at) VALUES (?1, ?2, ?3, ?4, ?5)";

const SELECT: &str = "\
    SELECT wrapped_key FROM epoch_keys WHERE space_id = ?1 AND epoch = ?2 AND member_did = ?3";

const PRUNE: &str = "DELETE FROM epoch_keys WHERE space_id = ?1 AND epoch <= ?2";

#[async_trait]
impl EpochKeys for SqliteStorage {
    async fn put_epoch_keys(
        &self,
        grant: &AdminGrant,
        epoch: Requested<Epoch>,
        shares: KeyShares,
    ) -> Result<(), EpochKeyError> {
        let access = grant.access().clone();
        let load = Load::of(&access, shares.payload_bytes());
        self.writer.write(load, move |db| put(db, &access, epoch, &shares)).await
    }

    async fn epoch_key(
        &self,
        grant: &ReadGrant,
        epoch: Requested<Epoch>,
        member: &Did,
    ) -> Result<Option<Bytes>, StorageError> {
        let (access, member) = (grant.access().clone(), member.clone());
        self.readers
            .snapshot(move |db| {
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
) -> Result<(), EpochKeyError> {
    let space = for_writing(db, access)?;
    let latest = space.key_generation.next().unwrap_or(space.key_generation);
    let valid = epoch.value().filter(|epoch| *epoch <= latest);
    let epoch = valid.ok_or(EpochKeyRejection::InvalidEpoch)?.get();
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
/// late.
pub(crate) fn prune<R>(db: &Connection, space: SpaceId, epoch: Epoch) -> Result<(), StorageError<R>> {
    let mut prune = db.prepare_cached(PRUNE).map_err(storage_error)?;
    prune.execute(params![space.as_bytes(), epoch.get() - 2]).map(drop).map_err(storage_error)
}

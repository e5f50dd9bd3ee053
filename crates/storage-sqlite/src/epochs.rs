//! Epochs of a space: begin, and completion of a rewrap.

use async_trait::async_trait;
use less_sync_core::{Cursor, Epoch, Requested, SpaceId};
use less_sync_storage::{
    Access, AdminGrant, Advanced, EpochError, EpochRejection, Epochs, MAX_COUNTED_KEYS, ReadGrant, Space,
    StorageError,
};
use rusqlite::{Connection, params};

use crate::access::{for_reading, for_writing};
use crate::clock::now_micros;
use crate::error::{database, storage_error};
use crate::writer::Load;
use crate::{SqliteStorage, epoch_keys};

/// Estimate of the log bytes per change of the epochs.
const EPOCH_BYTES: usize = 256;

const ADVANCE: &str = "\
    UPDATE spaces SET key_generation = ?2, rewrap_epoch = ?2,
        min_key_generation = iif(?3, ?2, min_key_generation), updated_at = ?4
    WHERE id = ?1";

const RAISE_MINIMUM: &str = "\
    UPDATE spaces SET min_key_generation = max(min_key_generation, ?2), updated_at = ?3 WHERE id = ?1";

const END_REWRAP: &str = "UPDATE spaces SET rewrap_epoch = NULL WHERE id = ?1";

/// Blobs compare as their bytes do, so this is the unsigned order of epoch prefixes.
const OLD_RECORDS: &str = "\
    SELECT count(*) FROM (
        SELECT 1 FROM records
        WHERE space_id = ?1 AND cursor > ?2 AND deleted = 0 AND substr(wrapped_dek, 1, 4) < ?3 LIMIT ?4
    )";

const OLD_FILES: &str = "\
    SELECT count(*) FROM (
        SELECT 1 FROM files
        WHERE space_id = ?1 AND cursor > ?2 AND deleted = 0 AND substr(wrapped_dek, 1, 4) < ?3 LIMIT ?4
    )";

#[async_trait]
impl Epochs for SqliteStorage {
    async fn space_state(&self, grant: &ReadGrant) -> Result<Space, StorageError> {
        let access = grant.access().clone();
        self.readers.snapshot(move |db| for_reading(db, &access)).await
    }

    async fn advance_epoch(
        &self,
        grant: &AdminGrant,
        epoch: Requested<Epoch>,
        raise_minimum: bool,
    ) -> Result<Advanced, StorageError> {
        let access = grant.access().clone();
        let load = Load::of(&access, EPOCH_BYTES);
        self.writer.write(load, move |db| advance(db, &access, epoch, raise_minimum)).await
    }

    async fn complete_rewrap(&self, grant: &AdminGrant, epoch: Requested<Epoch>) -> Result<(), EpochError> {
        let (access, probing) = (grant.access().clone(), grant.access().clone());
        let probed = self.readers.snapshot(move |db| probe(db, &probing, epoch)).await?;
        let load = Load::of(&access, EPOCH_BYTES);
        let left = self.writer.write(load, move |db| complete(db, &access, epoch, &probed)).await?;
        match left {
            OutdatedKeys { records: 0, files: 0 } => Ok(()),
            OutdatedKeys { records, files } => {
                Err(EpochRejection::RewrapIncomplete { records, files }.into())
            }
        }
    }
}

fn advance(
    db: &Connection,
    access: &Access,
    epoch: Requested<Epoch>,
    raise_minimum: bool,
) -> Result<Advanced, StorageError> {
    let Space { id, key_generation, rewrap_epoch, .. } = for_writing(db, access)?;
    match key_generation.next() {
        Some(next) if epoch.is(next) && rewrap_epoch.is_none() => {
            let mut update = db.prepare_cached(ADVANCE).map_err(storage_error)?;
            update
                .execute(params![id.as_bytes(), next.get(), raise_minimum, now_micros()])
                .map_err(storage_error)?;
            Ok(Advanced::Begun(next))
        }
        _ => Ok(Advanced::Conflict { key_generation, rewrap_epoch }),
    }
}

/// Live keys that are too old.
#[derive(Clone, Copy, Default)]
struct OutdatedKeys {
    records: usize,
    files: usize,
}

/// Result of the probe that runs before the write transaction, so that the writer is not blocked by it.
struct Probed {
    /// Rows up to this cursor were read. Their keys can only have become newer since: a push moves its row above it.
    cursor: Cursor,
    outdated: OutdatedKeys,
}

/// Scans the whole space outside the write transaction, which may take a while; the transaction only scans what came
/// since (storage §3.11).
fn probe(db: &Connection, access: &Access, epoch: Requested<Epoch>) -> Result<Probed, EpochError> {
    let space = for_reading(db, access)?;
    let Some(epoch) = pending(&space, epoch) else {
        return Ok(Probed { cursor: Cursor::ZERO, outdated: OutdatedKeys::default() });
    };
    Ok(Probed { cursor: space.cursor, outdated: outdated(db, space.id, Cursor::ZERO, epoch)? })
}

/// Ends the rewrap, and returns the outdated keys that prevent it; none when it has ended.
fn complete(
    db: &Connection,
    access: &Access,
    epoch: Requested<Epoch>,
    probed: &Probed,
) -> Result<OutdatedKeys, EpochError> {
    let space = for_writing(db, access)?;
    let Some(epoch) = pending(&space, epoch) else {
        let is_current = space.key_generation > Epoch::FIRST && epoch.is(space.key_generation);
        let is_repeat = space.rewrap_epoch.is_none() && is_current;
        return if is_repeat { Ok(OutdatedKeys::default()) } else { Err(EpochRejection::Mismatch.into()) };
    };
    let since = outdated(db, space.id, probed.cursor, epoch)?;
    let left = OutdatedKeys {
        records: (since.records + probed.outdated.records).min(MAX_COUNTED_KEYS),
        files: (since.files + probed.outdated.files).min(MAX_COUNTED_KEYS),
    };
    let mut raise = db.prepare_cached(RAISE_MINIMUM).map_err(storage_error)?;
    raise.execute(params![space.id.as_bytes(), epoch.get(), now_micros()]).map_err(storage_error)?;
    if left.records == 0 && left.files == 0 {
        db.prepare_cached(END_REWRAP)
            .and_then(|mut end| end.execute([space.id.as_bytes()]))
            .map_err(storage_error)?;
        epoch_keys::prune(db, space.id, epoch)?;
    }
    Ok(left)
}

/// The pending epoch of the space, if it is the requested one.
fn pending(space: &Space, epoch: Requested<Epoch>) -> Option<Epoch> {
    space.rewrap_epoch.filter(|pending| epoch.is(*pending))
}

/// Live keys older than `epoch` in rows above `since`.
fn outdated<R>(
    db: &Connection,
    space: SpaceId,
    since: Cursor,
    epoch: Epoch,
) -> Result<OutdatedKeys, StorageError<R>> {
    let limit = i64::try_from(MAX_COUNTED_KEYS).map_err(database)?;
    let count = |sql| {
        let mut select = db.prepare_cached(sql)?;
        let prefix = epoch.get().to_be_bytes();
        select.query_row(params![space.as_bytes(), since.as_i64(), prefix, limit], |row| {
            Ok(row.get::<_, u32>(0)? as usize)
        })
    };
    Ok(OutdatedKeys {
        records: count(OLD_RECORDS).map_err(storage_error)?,
        files: count(OLD_FILES).map_err(storage_error)?,
    })
}

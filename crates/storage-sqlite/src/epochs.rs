//! Epochs of a space: begin, and completion of a rewrap.

use async_trait::async_trait;
use less_sync_core::{Cursor, Epoch, Requested, SpaceId};
use less_sync_storage::{
    Access, AdminGrant, Advanced, COUNTED_LEFTOVERS, EpochError, EpochRejection, Epochs, ReadGrant, Space,
    StorageError,
};
use rusqlite::{Connection, params};

use crate::access::{for_reading, for_writing};
use crate::clock::now_micros;
use crate::error::{database, storage_error};
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
        self.writer.write(EPOCH_BYTES, move |db| advance(db, &access, epoch, raise_minimum)).await
    }

    async fn complete_rewrap(&self, grant: &AdminGrant, epoch: Requested<Epoch>) -> Result<(), EpochError> {
        let (access, probing) = (grant.access().clone(), grant.access().clone());
        let probed = self.readers.snapshot(move |db| probe(db, &probing, epoch)).await?;
        let left = self.writer.write(EPOCH_BYTES, move |db| complete(db, &access, epoch, &probed)).await?;
        match left {
            Leftovers { records: 0, files: 0 } => Ok(()),
            Leftovers { records, files } => Err(EpochRejection::RewrapIncomplete { records, files }.into()),
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
struct Leftovers {
    records: usize,
    files: usize,
}

/// Result of the probe that runs before the write transaction, so that the writer is not blocked by it.
struct Probed {
    /// Rows up to this cursor were read. Their keys can only have become newer since: a push moves its row above it.
    cursor: Cursor,
    leftovers: Leftovers,
}

/// Scans the whole space outside the write transaction, which may take a while; the transaction only scans what came
/// since (storage §3.11).
fn probe(db: &Connection, access: &Access, epoch: Requested<Epoch>) -> Result<Probed, EpochError> {
    let space = for_reading(db, access)?;
    let Some(epoch) = pending(&space, epoch) else {
        return Ok(Probed { cursor: Cursor::ZERO, leftovers: Leftovers::default() });
    };
    Ok(Probed { cursor: space.cursor, leftovers: leftovers(db, space.id, Cursor::ZERO, epoch)? })
}

/// Ends the rewrap, and returns the leftovers that prevent it; none when it has ended.
fn complete(
    db: &Connection,
    access: &Access,
    epoch: Requested<Epoch>,
    probed: &Probed,
) -> Result<Leftovers, EpochError> {
    let space = for_writing(db, access)?;
    let Some(epoch) = pending(&space, epoch) else {
        let is_current = space.key_generation > Epoch::FIRST && epoch.is(space.key_generation);
        let is_repeat = space.rewrap_epoch.is_none() && is_current;
        return if is_repeat { Ok(Leftovers::default()) } else { Err(EpochRejection::Mismatch.into()) };
    };
    let since = leftovers(db, space.id, probed.cursor, epoch)?;
    let left = Leftovers {
        records: (since.records + probed.leftovers.records).min(COUNTED_LEFTOVERS),
        files: (since.files + probed.leftovers.files).min(COUNTED_LEFTOVERS),
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
fn leftovers<R>(
    db: &Connection,
    space: SpaceId,
    since: Cursor,
    epoch: Epoch,
) -> Result<Leftovers, StorageError<R>> {
    let limit = i64::try_from(COUNTED_LEFTOVERS).map_err(database)?;
    let count = |sql| {
        let mut select = db.prepare_cached(sql)?;
        let prefix = epoch.get().to_be_bytes();
        select.query_row(params![space.as_bytes(), since.as_i64(), prefix, limit], |row| {
            Ok(row.get::<_, u32>(0)? as usize)
        })
    };
    Ok(Leftovers {
        records: count(OLD_RECORDS).map_err(storage_error)?,
        files: count(OLD_FILES).map_err(storage_error)?,
    })
}

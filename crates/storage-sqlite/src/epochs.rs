//! Epochs of a space: begin, and completion of a rewrap.

use async_trait::async_trait;
use less_sync_core::{Epoch, Requested};
use less_sync_storage::{
    Access, AdminGrant, Advanced, EpochError, EpochRejection, Epochs, OutdatedKeys, ReadGrant, Space,
    StorageError,
};
use rusqlite::{Connection, params};

use crate::access::{for_reading, for_writing};
use crate::clock::now_micros;
use crate::error::storage_error;
use crate::writer::Load;
use crate::{SqliteStorage, deks, epoch_keys};

/// Estimate of the log bytes per change of the epochs.
const EPOCH_BYTES: usize = 256;

const ADVANCE: &str = "\
    UPDATE spaces SET key_generation = ?2, rewrap_epoch = ?2, rewrap_since = ?4,
        min_key_generation = iif(?3, ?2, min_key_generation), updated_at = ?4
    WHERE id = ?1";

const RAISE_MINIMUM: &str = "\
    UPDATE spaces SET min_key_generation = max(min_key_generation, ?2), updated_at = ?3 WHERE id = ?1";

const END_REWRAP: &str = "UPDATE spaces SET rewrap_epoch = NULL, rewrap_since = NULL WHERE id = ?1";

#[async_trait]
impl Epochs for SqliteStorage {
    async fn space_state(&self, grant: &ReadGrant) -> Result<Space, StorageError> {
        let access = grant.access().clone();
        self.readers.snapshot(access.flow(), move |db| for_reading(db, &access)).await
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
        let access = grant.access();
        let mut keys = OutdatedKeys::before(epoch.value().unwrap_or(Epoch::FIRST));
        loop {
            self.count_outdated(access, epoch, &mut keys).await?;
            let (load, access) = (Load::of(access, EPOCH_BYTES), access.clone());
            match self.writer.write(load, move |db| complete(db, &access, epoch, keys)).await? {
                Completion::Ended => return Ok(()),
                Completion::Rejected(rejection) => return Err(rejection.into()),
                // Keys that came meanwhile are read without the writer. They come more slowly than they are read.
                Completion::Behind(counted) => keys = counted,
            }
        }
    }
}

impl SqliteStorage {
    /// Reads the keys of the space to their end, a page at a time, outside the write transaction; none unless `epoch` is
    /// pending.
    async fn count_outdated(
        &self,
        access: &Access,
        epoch: Requested<Epoch>,
        keys: &mut OutdatedKeys,
    ) -> Result<(), EpochError> {
        for kind in OutdatedKeys::KINDS {
            while let Some(position) = keys.next(kind) {
                let (flow, access) = (access.flow(), access.clone());
                let read = move |db: &Connection| {
                    let space = for_reading(db, &access)?;
                    if pending(&space, epoch).is_none() {
                        return Ok(None);
                    }
                    Ok(Some((deks::page(db, space.id, kind, position, space.cursor)?, space.cursor)))
                };
                let Some((page, bound)) = self.readers.snapshot(flow, read).await? else { return Ok(()) };
                if !keys.count(kind, &page, bound) {
                    break;
                }
            }
        }
        Ok(())
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

/// Outcome of an attempt to complete a rewrap.
enum Completion {
    /// The rewrap has ended.
    Ended,
    /// Outdated keys are left.
    Rejected(EpochRejection),
    /// More keys came since the count than the transaction reads.
    Behind(OutdatedKeys),
}

/// Ends the rewrap if no key is outdated. Reads one page of each kind at most, of what came since `keys` were counted
/// (storage §3.11).
fn complete(
    db: &Connection,
    access: &Access,
    epoch: Requested<Epoch>,
    mut keys: OutdatedKeys,
) -> Result<Completion, EpochError> {
    let space = for_writing(db, access)?;
    let Some(epoch) = pending(&space, epoch) else {
        let is_current = space.key_generation > Epoch::FIRST && epoch.is(space.key_generation);
        let is_repeat = space.rewrap_epoch.is_none() && is_current;
        return if is_repeat { Ok(Completion::Ended) } else { Err(EpochRejection::Mismatch.into()) };
    };
    let mut is_behind = false;
    for kind in OutdatedKeys::KINDS {
        if let Some(position) = keys.next(kind) {
            let page = deks::page(db, space.id, kind, position, space.cursor)?;
            is_behind |= keys.count(kind, &page, space.cursor);
        }
    }
    let mut raise = db.prepare_cached(RAISE_MINIMUM).map_err(storage_error)?;
    raise.execute(params![space.id.as_bytes(), epoch.get(), now_micros()]).map_err(storage_error)?;
    if is_behind {
        return Ok(Completion::Behind(keys));
    }
    if let Some(rejection) = keys.rejection() {
        return Ok(Completion::Rejected(rejection));
    }
    db.prepare_cached(END_REWRAP)
        .and_then(|mut end| end.execute([space.id.as_bytes()]))
        .map_err(storage_error)?;
    epoch_keys::prune(db, space.id, epoch)?;
    Ok(Completion::Ended)
}

/// The pending epoch of the space, if it is the requested one.
fn pending(space: &Space, epoch: Requested<Epoch>) -> Option<Epoch> {
    space.rewrap_epoch.filter(|pending| epoch.is(*pending))
}

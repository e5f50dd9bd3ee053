//! Stored bytes of spaces and of their owners (storage §3.20): counted with every write, in its transaction.

use less_sync_core::{Cursor, SpaceId};
use less_sync_storage::stored::CorruptRow;
use less_sync_storage::{OwnerHash, Quota, Quotas, StorageError, StoredBytes};
use rusqlite::{Connection, OptionalExtension, params};

use crate::clock::now_micros;
use crate::error::{database, one_row, storage_error};

const SELECT: &str = "\
    SELECT s.stored_bytes, u.stored_bytes FROM spaces s LEFT JOIN owner_usage u ON u.owner_hash = s.owner_hash
    WHERE s.id = ?1";

const MOVE_CURSOR: &str = "\
    UPDATE spaces SET cursor = ?2, updated_at = ?3, stored_bytes = stored_bytes + ?4 WHERE id = ?1
    RETURNING owner_hash";

const GROW_OWNER: &str = "UPDATE owner_usage SET stored_bytes = stored_bytes + ?2 WHERE owner_hash = ?1";

const SELECT_OWNER: &str = "SELECT owner_hash FROM spaces WHERE id = ?1";

const SET_OWNER: &str = "UPDATE spaces SET owner_hash = ?2 WHERE id = ?1 RETURNING stored_bytes";

const ADD_OWNER: &str = "\
    INSERT INTO owner_usage (owner_hash, stored_bytes) VALUES (?1, ?2)
    ON CONFLICT DO UPDATE SET stored_bytes = stored_bytes + excluded.stored_bytes";

/// Decides about a write that changes the stored bytes of the space by `growth`. Looks nothing up for one that adds none, nor
/// without quotas. Must run in the transaction that writes.
pub(crate) fn check<R>(
    db: &Connection,
    quotas: Quotas,
    space: SpaceId,
    growth: i64,
) -> Result<Result<(), Quota>, StorageError<R>> {
    if growth <= 0 || quotas.is_unlimited() {
        return Ok(Ok(()));
    }
    let mut select = db.prepare_cached(SELECT).map_err(storage_error)?;
    let stored = select
        .query_row([space.as_bytes()], |row| Ok(StoredBytes { space: row.get(0)?, owner: row.get(1)? }))
        .map_err(storage_error)?;
    Ok(quotas.check(stored, growth))
}

/// Moves the cursor of the space to the one of its latest mutation, and adds `growth` to its stored bytes and to those of its
/// owner.
pub(crate) fn move_cursor<R>(
    db: &Connection,
    space: SpaceId,
    next: Cursor,
    growth: i64,
) -> Result<(), StorageError<R>> {
    let mut update = db.prepare_cached(MOVE_CURSOR).map_err(storage_error)?;
    let moved = update
        .query_row(params![space.as_bytes(), next.as_i64(), now_micros(), growth], |row| row.get(0))
        .optional()
        .map_err(storage_error)?;
    // The database has a single writer, so a space that was read before is there.
    let owner: Option<[u8; 32]> = moved.ok_or(CorruptRow("space index"))?;
    match owner {
        Some(owner) if growth != 0 => {
            let mut grow = db.prepare_cached(GROW_OWNER).map_err(storage_error)?;
            one_row(grow.execute(params![owner, growth]))
        }
        _ => Ok(()),
    }
}

/// The recorded owner of a space.
pub(crate) fn owner<R>(db: &Connection, space: SpaceId) -> Result<Option<OwnerHash>, StorageError<R>> {
    let mut select = db.prepare_cached(SELECT_OWNER).map_err(storage_error)?;
    let owner: Option<Option<[u8; 32]>> =
        select.query_row([space.as_bytes()], |row| row.get(0)).optional().map_err(storage_error)?;
    Ok(owner.flatten().map(OwnerHash::from_bytes))
}

/// Records the owner of a space: from now on its bytes count for this one, and for no other.
pub(crate) fn set_owner<R>(db: &Connection, space: SpaceId, new: OwnerHash) -> Result<(), StorageError<R>> {
    let old = owner(db, space)?;
    if old == Some(new) {
        return Ok(());
    }
    let mut set = db.prepare_cached(SET_OWNER).map_err(storage_error)?;
    let bytes: i64 = set
        .query_row(params![space.as_bytes(), new.as_bytes()], |row| row.get(0))
        .map_err(|error| database(error))?;
    if let Some(old) = old {
        let mut shrink = db.prepare_cached(GROW_OWNER).map_err(storage_error)?;
        one_row(shrink.execute(params![old.as_bytes(), bytes.saturating_neg()]))?;
    }
    let mut add = db.prepare_cached(ADD_OWNER).map_err(storage_error)?;
    one_row(add.execute(params![new.as_bytes(), bytes]))
}

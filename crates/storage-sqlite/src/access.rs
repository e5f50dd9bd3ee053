//! Access check of every operation on a space: its row, its home, and the revocations of the caller's chain (storage T4,
//! T11, T12).

use less_sync_core::{Cid, SpaceId};
use less_sync_storage::{Access, Space, StorageError};
use rusqlite::{Connection, params};

use crate::error::storage_error;
use crate::spaces::find;

const HAS_REVOCATIONS: &str = "SELECT EXISTS (SELECT 1 FROM revocations WHERE space_id = ?1)";
const IS_REVOKED: &str = "SELECT EXISTS (SELECT 1 FROM revocations WHERE space_id = ?1 AND ucan_cid = ?2)";

/// Returns the space if the caller may read it. Must run in the snapshot that reads the space.
pub(crate) fn for_reading<R>(db: &Connection, access: &Access) -> Result<Space, StorageError<R>> {
    let space = of_kind(db, access)?;
    check_chain(db, access)?;
    Ok(space)
}

/// Returns the space if the caller may write it. Must run in the transaction that writes the space.
pub(crate) fn for_writing<R>(db: &Connection, access: &Access) -> Result<Space, StorageError<R>> {
    let space = of_kind(db, access)?;
    if space.home_server.is_some() {
        return Err(StorageError::SpaceIsRemote);
    }
    check_chain(db, access)?;
    Ok(space)
}

fn of_kind<R>(db: &Connection, access: &Access) -> Result<Space, StorageError<R>> {
    let space = find(db, access.space())?.ok_or(StorageError::SpaceNotFound)?;
    access.check_kind(&space)?;
    Ok(space)
}

fn check_chain<R>(db: &Connection, access: &Access) -> Result<(), StorageError<R>> {
    let cids = access.chain().map_or(&[][..], |chain| chain.cids());
    if any_revoked(db, access.space(), cids)? { Err(StorageError::Revoked) } else { Ok(()) }
}

/// Looks up the revocation of any of `cids`. One look-up per cid, which costs less in this process than parsing a list; a single
/// look-up in spaces without revocations.
pub(crate) fn any_revoked<R>(db: &Connection, space: SpaceId, cids: &[Cid]) -> Result<bool, StorageError<R>> {
    if cids.is_empty() || !has_revocations(db, space)? {
        return Ok(false);
    }
    for cid in cids {
        if is_revoked(db, space, &cid.to_hex())? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn has_revocations<R>(db: &Connection, space: SpaceId) -> Result<bool, StorageError<R>> {
    let mut select = db.prepare_cached(HAS_REVOCATIONS).map_err(storage_error)?;
    select.query_row([space.as_bytes()], |row| row.get(0)).map_err(storage_error)
}

/// Looks up the revocation of `cid`.
pub(crate) fn is_revoked<R>(db: &Connection, space: SpaceId, cid: &str) -> Result<bool, StorageError<R>> {
    let mut select = db.prepare_cached(IS_REVOKED).map_err(storage_error)?;
    select.query_row(params![space.as_bytes(), cid], |row| row.get(0)).map_err(storage_error)
}

//! Access check of every operation on a space: its row, its home, and the revocations of the caller's chain (storage T2,
//! T4, T11, T12).

use less_sync_core::{Cid, Cursor, Epoch, MetadataVersion};
use less_sync_storage::stored::{cursor, epoch, metadata_version};
use less_sync_storage::{Access, Space, StorageError};
use uuid::Uuid;

use crate::columns::SpaceRow;
use crate::session::Session;
use crate::transaction::Aborted;

/// The texts of the cids that have to be looked up; none for access that rests on a token alone.
pub(crate) fn cids(access: &Access) -> Vec<String> {
    access.chain().map_or_else(Vec::new, |chain| chain.cids().iter().map(Cid::to_hex).collect())
}

/// Facts that decide about read access.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReadCheck {
    /// The space has a root key.
    pub(crate) shared: bool,
    /// A token of the caller's chain is revoked.
    pub(crate) revoked: bool,
}

impl ReadCheck {
    pub(crate) fn admit<R>(self, access: &Access) -> Result<(), StorageError<R>> {
        check_kind(access, self.shared)?;
        if self.revoked { Err(StorageError::Revoked) } else { Ok(()) }
    }
}

/// Facts that decide about write access where the row of the space is not locked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WriteCheck {
    pub(crate) read: ReadCheck,
    /// True if the space is hosted by another server.
    pub(crate) remote: bool,
}

impl WriteCheck {
    /// Checks access in the same order as under a lock.
    pub(crate) fn admit<R>(self, access: &Access) -> Result<(), StorageError<R>> {
        check_kind(access, self.read.shared)?;
        if self.remote { Err(StorageError::SpaceIsRemote) } else { self.read.admit(access) }
    }
}

/// Checks that there is a chain for a space with a root key, and none for one without.
pub(crate) fn check_kind<R>(access: &Access, shared: bool) -> Result<(), StorageError<R>> {
    if access.chain().is_some() == shared { Ok(()) } else { Err(StorageError::SpaceKindMismatch) }
}

/// A space under its lock.
#[derive(Debug)]
pub(crate) struct Locked {
    pub(crate) id: Uuid,
    pub(crate) cursor: Cursor,
    pub(crate) key_generation: Epoch,
    pub(crate) rewrap_epoch: Option<Epoch>,
    /// Minimum epoch of keys; `None` for personal spaces.
    pub(crate) minimum: Option<Epoch>,
    /// Entries of the membership log.
    pub(crate) metadata_version: MetadataVersion,
    /// Size of the membership log.
    pub(crate) members_bytes: i64,
}

/// Row of the space, after a check of read access, in one snapshot (storage T12).
pub(crate) async fn for_reading<R>(
    connection: &mut Session,
    access: &Access,
) -> Result<Result<Space, StorageError<R>>, sqlx::Error> {
    let found = sqlx::query!(
        r#"SELECT id, client_id, root_public_key, cursor, key_generation, min_key_generation, rewrap_epoch, home_server,
                  EXISTS (SELECT FROM revocations WHERE space_id = $1 AND ucan_cid = ANY ($2)) AS "revoked!"
           FROM spaces WHERE id = $1"#,
        access.space().as_uuid(),
        &cids(access),
    );
    let Some(row) = found.fetch_optional(connection).await? else {
        return Ok(Err(StorageError::SpaceNotFound));
    };
    let space = SpaceRow {
        id: row.id,
        client_id: row.client_id,
        root_public_key: row.root_public_key,
        cursor: row.cursor,
        key_generation: row.key_generation,
        min_key_generation: row.min_key_generation,
        rewrap_epoch: row.rewrap_epoch,
        home_server: row.home_server,
    };
    Ok(space.read().map_err(StorageError::from).and_then(|space| {
        access.check_kind(&space)?;
        if row.revoked { Err(StorageError::Revoked) } else { Ok(space) }
    }))
}

/// Locks the space and checks write access. The chain is looked up by a later statement than the one that locks,
/// and so against everything that was committed before the lock was granted.
pub(crate) async fn for_writing<R>(db: &mut Session, access: &Access) -> Result<Locked, Aborted<R>> {
    let id = access.space().as_uuid();
    let locked = sqlx::query!(
        r#"SELECT cursor, key_generation, rewrap_epoch, min_key_generation, metadata_version, members_bytes,
                  root_public_key IS NOT NULL AS "shared!", home_server IS NOT NULL AS "remote!"
           FROM spaces WHERE id = $1 FOR NO KEY UPDATE"#,
        id,
    );
    let row = locked.fetch_optional(&mut *db).await?.ok_or(StorageError::SpaceNotFound)?;
    check_kind(access, row.shared)?;
    if row.remote {
        return Err(StorageError::SpaceIsRemote.into());
    }
    if row.shared && any_revoked(db, id, &cids(access)).await? {
        return Err(StorageError::Revoked.into());
    }
    Ok(Locked {
        id,
        cursor: cursor(row.cursor)?,
        key_generation: epoch(row.key_generation)?,
        rewrap_epoch: row.rewrap_epoch.map(epoch).transpose()?,
        minimum: row.shared.then(|| epoch(row.min_key_generation)).transpose()?,
        metadata_version: metadata_version(row.metadata_version)?,
        members_bytes: row.members_bytes,
    })
}

/// Looks up the revocation of any of `cids` in the space, in one statement.
pub(crate) async fn any_revoked(db: &mut Session, space: Uuid, cids: &[String]) -> Result<bool, sqlx::Error> {
    let revoked = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM revocations WHERE space_id = $1 AND ucan_cid = ANY ($2)) AS "revoked!""#,
        space,
        cids,
    );
    revoked.fetch_one(db).await
}

//! Signing keys of this server towards its peers. The single writer serialises operations on them.

use std::time::Duration;

use async_trait::async_trait;
use less_sync_storage::{
    AddedKey, DatabaseTime, FederationKey, FederationKeyError, FederationKeyRejection, FederationKeys, Flow,
    KeyPlacement, NewFederationKey, StorageError, StoredSeed,
};
use rusqlite::{Connection, Row, params};

use crate::SqliteStorage;
use crate::clock::{micros, now_micros};
use crate::error::storage_error;

/// Estimate of the log bytes per operation, without the id.
const KEY_BYTES: usize = 512;

const SELECT: &str = "\
    SELECT kid, private_key, public_key, created_at, is_active, is_primary, deactivated_at
    FROM federation_signing_keys ORDER BY created_at, kid";

const INSERT: &str = "\
    INSERT INTO federation_signing_keys (kid, private_key, public_key, created_at) VALUES (?1, ?2, ?3, ?4)";

const CLEAR_PRIMARY: &str = "UPDATE federation_signing_keys SET is_primary = 0 WHERE is_primary = 1";

const SET_PRIMARY: &str = "\
    UPDATE federation_signing_keys SET is_primary = 1, is_active = 1, deactivated_at = NULL WHERE kid = ?1";

const DEACTIVATE: &str = "\
    UPDATE federation_signing_keys SET is_active = 0, is_primary = 0, deactivated_at = ?2
    WHERE kid = ?1 AND is_active = 1";

const DELETE: &str = "DELETE FROM federation_signing_keys WHERE is_active = 0 AND deactivated_at <= ?1";

#[async_trait]
impl FederationKeys for SqliteStorage {
    async fn add_key(
        &self,
        key: &NewFederationKey,
        placement: &KeyPlacement,
    ) -> Result<AddedKey, FederationKeyError> {
        let (key, placement) = (key.clone(), placement.clone());
        self.writer.write(KEY_BYTES + key.kid.len(), move |db| add(db, &key, &placement)).await
    }

    async fn promote_key(&self, kid: &str, minimum_age: Duration) -> Result<(), FederationKeyError> {
        let kid = kid.to_owned();
        self.writer.write(KEY_BYTES + kid.len(), move |db| promote(db, &kid, minimum_age)).await
    }

    async fn deactivate_key(&self, kid: &str, force: bool) -> Result<(), FederationKeyError> {
        let kid = kid.to_owned();
        self.writer.write(KEY_BYTES + kid.len(), move |db| deactivate(db, &kid, force)).await
    }

    async fn federation_keys(&self) -> Result<Vec<FederationKey>, StorageError> {
        self.readers.read(Flow::SERVER, keys).await
    }

    async fn delete_inactive_keys(&self, age: Duration) -> Result<u64, StorageError> {
        self.writer
            .write(KEY_BYTES, move |db| {
                let before = now_micros().saturating_sub(micros(age));
                execute(db, DELETE, params![before]).map(|rows| u64::try_from(rows).unwrap_or(u64::MAX))
            })
            .await
    }
}

fn add(
    db: &Connection,
    key: &NewFederationKey,
    placement: &KeyPlacement,
) -> Result<AddedKey, FederationKeyError> {
    let stored = keys(db).map_err(StorageError::widen)?;
    let primary = stored.iter().find(|stored| stored.is_primary && stored.is_active);
    if let Some(present) = present(primary, placement) {
        return Ok(present);
    }
    if let Some(known) = stored.iter().find(|stored| stored.kid == key.kid) {
        let is_same = known.public == key.public;
        return if is_same { Ok(AddedKey::Unchanged) } else { Err(FederationKeyRejection::Mismatch.into()) };
    }
    execute(db, INSERT, params![key.kid, key.seed.as_bytes(), key.public, now_micros()])?;
    let is_primary = primary.is_none() || *placement != KeyPlacement::Staged;
    if is_primary {
        set_primary(db, &key.kid)?;
    }
    Ok(AddedKey::Inserted { is_primary })
}

/// Outcome when the active primary is of the URL in `placement`.
fn present(primary: Option<&FederationKey>, placement: &KeyPlacement) -> Option<AddedKey> {
    let KeyPlacement::PrimaryUnlessOf(url) = placement else { return None };
    let primary = primary.filter(|primary| primary.is_of(url))?;
    Some(AddedKey::HasPrimary(primary.clone()))
}

fn promote(db: &Connection, kid: &str, minimum_age: Duration) -> Result<(), FederationKeyError> {
    let key = find(db, kid)?;
    let latest = now_micros().saturating_sub(micros(minimum_age));
    if !key.is_primary && key.created_at.micros() > latest {
        return Err(FederationKeyRejection::TooYoung.into());
    }
    set_primary(db, kid)
}

fn deactivate(db: &Connection, kid: &str, force: bool) -> Result<(), FederationKeyError> {
    if find(db, kid)?.is_primary && !force {
        return Err(FederationKeyRejection::IsPrimary.into());
    }
    execute(db, DEACTIVATE, params![kid, now_micros()]).map(drop)
}

fn set_primary(db: &Connection, kid: &str) -> Result<(), FederationKeyError> {
    execute(db, CLEAR_PRIMARY, [])?;
    execute(db, SET_PRIMARY, [kid]).map(drop)
}

fn find(db: &Connection, kid: &str) -> Result<FederationKey, FederationKeyError> {
    let keys = keys(db).map_err(StorageError::widen)?;
    keys.into_iter().find(|key| key.kid == kid).ok_or(FederationKeyRejection::NotFound.into())
}

fn keys(db: &Connection) -> Result<Vec<FederationKey>, StorageError> {
    let mut select = db.prepare_cached(SELECT).map_err(storage_error)?;
    let rows = select.query_map([], key).map_err(storage_error)?;
    rows.collect::<Result<_, _>>().map_err(storage_error)
}

fn key(row: &Row<'_>) -> Result<FederationKey, rusqlite::Error> {
    Ok(FederationKey {
        kid: row.get(0)?,
        seed: StoredSeed::new(row.get(1)?),
        public: row.get(2)?,
        created_at: DatabaseTime::from_micros(row.get(3)?),
        is_active: row.get(4)?,
        is_primary: row.get(5)?,
        deactivated_at: row.get::<_, Option<i64>>(6)?.map(DatabaseTime::from_micros),
    })
}

fn execute<R>(
    db: &Connection,
    statement: &str,
    parameters: impl rusqlite::Params,
) -> Result<usize, StorageError<R>> {
    let mut statement = db.prepare_cached(statement).map_err(storage_error)?;
    statement.execute(parameters).map_err(storage_error)
}

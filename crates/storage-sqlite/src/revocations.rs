//! Revocations of tokens in spaces.

use async_trait::async_trait;
use less_sync_core::{Cid, SpaceId};
use less_sync_storage::{AdminGrant, Flow, Revocations, StorageError};
use rusqlite::{Connection, params};

use crate::error::storage_error;
use crate::{SqliteStorage, access};

/// Estimate of the log bytes per revocation.
const REVOCATION_BYTES: usize = 256;

const INSERT: &str = "INSERT INTO revocations (space_id, ucan_cid) VALUES (?1, ?2) ON CONFLICT DO NOTHING";

/// Tokens that are looked up while one reader is occupied.
const TOKENS_PER_READ: usize = 1000;

#[async_trait]
impl Revocations for SqliteStorage {
    async fn revoke(&self, grant: &AdminGrant, cid: Cid) -> Result<(), StorageError> {
        let access = grant.access().clone();
        self.writer
            .write(REVOCATION_BYTES, move |db| {
                let space = access::for_writing(db, &access)?;
                let mut insert = db.prepare_cached(INSERT).map_err(storage_error)?;
                insert.execute(params![space.id.as_bytes(), cid.to_hex()]).map(drop).map_err(storage_error)
            })
            .await
    }

    async fn is_revoked(&self, space: SpaceId, cid: Cid) -> Result<bool, StorageError> {
        self.readers.read(Flow::of_space(space), move |db| access::is_revoked(db, space, &cid.to_hex())).await
    }

    async fn any_revoked(&self, space: SpaceId, cids: &[Cid]) -> Result<bool, StorageError> {
        let cids = cids.to_vec();
        self.readers.snapshot(Flow::of_space(space), move |db| access::any_revoked(db, space, &cids)).await
    }

    async fn revoked_among(&self, tokens: &[(SpaceId, Cid)]) -> Result<Vec<(SpaceId, Cid)>, StorageError> {
        let mut revoked = Vec::new();
        for tokens in tokens.chunks(TOKENS_PER_READ) {
            let tokens = tokens.to_vec();
            let found = self.readers.snapshot(Flow::SERVER, move |db| revoked_of(db, &tokens));
            revoked.extend(found.await?);
        }
        Ok(revoked)
    }
}

fn revoked_of(db: &Connection, tokens: &[(SpaceId, Cid)]) -> Result<Vec<(SpaceId, Cid)>, StorageError> {
    let mut revoked = Vec::new();
    for (space, cid) in tokens {
        if access::is_revoked(db, *space, &cid.to_hex())? {
            revoked.push((*space, *cid));
        }
    }
    Ok(revoked)
}

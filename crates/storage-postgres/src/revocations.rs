//! Revocations.

use async_trait::async_trait;
use less_sync_core::{Cid, SpaceId};
use less_sync_storage::{Access, AdminGrant, Revocations, StorageError};
use uuid::Uuid;

use crate::PostgresStorage;
use crate::access::{ReadCheck, any_revoked, check_kind, cids};
use crate::pool::Class;
use crate::read::{read, statement};
use crate::session::Session;
use crate::transaction::Aborted;

#[async_trait]
impl Revocations for PostgresStorage {
    async fn revoke(&self, grant: &AdminGrant, cid: Cid) -> Result<(), StorageError> {
        statement!(self.pool, Class::Request, |db| revoke(db, grant.access(), cid))
    }

    async fn is_revoked(&self, space: SpaceId, cid: Cid) -> Result<bool, StorageError> {
        self.any_of(space, &[cid.to_hex()]).await
    }

    async fn any_revoked(&self, space: SpaceId, cids: &[Cid]) -> Result<bool, StorageError> {
        if cids.is_empty() {
            return Ok(false);
        }
        self.any_of(space, &cids.iter().map(Cid::to_hex).collect::<Vec<_>>()).await
    }

    async fn revoked_among(&self, tokens: &[(SpaceId, Cid)]) -> Result<Vec<(SpaceId, Cid)>, StorageError> {
        let (spaces, cids): (Vec<Uuid>, Vec<String>) =
            tokens.iter().map(|(space, cid)| (space.as_uuid(), cid.to_hex())).unzip();
        let numbers = read!(self.pool, Class::Request, |db| revoked_among(db, &spaces, &cids))?.into_iter();
        let numbers = numbers.map(|number| usize::try_from(number).unwrap_or(0));
        Ok(numbers.filter_map(|number| tokens.get(number.checked_sub(1)?).copied()).collect())
    }
}

impl PostgresStorage {
    async fn any_of(&self, space: SpaceId, cids: &[String]) -> Result<bool, StorageError> {
        read!(self.pool, Class::Request, |db| any_revoked(db, space.as_uuid(), cids))
    }
}

/// Numbers of the tokens that are revoked, counted from 1.
async fn revoked_among(db: &mut Session, spaces: &[Uuid], cids: &[String]) -> Result<Vec<i64>, sqlx::Error> {
    let found = sqlx::query_scalar!(
        r#"SELECT token.number AS "number!"
               FROM unnest($1::uuid[], $2::text[]) WITH ORDINALITY AS token (space_id, ucan_cid, number)
               WHERE EXISTS (SELECT FROM revocations AS revoked
                             WHERE revoked.space_id = token.space_id AND revoked.ucan_cid = token.ucan_cid)"#,
        spaces,
        cids,
    );
    found.fetch_all(db).await
}

/// Inserts a revocation in one statement, without the lock of the space: a revocation changes nothing that the lock
/// protects, and must not wait for the push that holds it. The foreign key only requires that the space stays
/// (storage T2).
async fn revoke(db: &mut Session, access: &Access, cid: Cid) -> Result<(), Aborted> {
    let revoked = sqlx::query!(
        r#"WITH space AS (
               SELECT id, root_public_key IS NOT NULL AS shared, home_server IS NOT NULL AS remote,
                      EXISTS (SELECT FROM revocations WHERE space_id = $1 AND ucan_cid = ANY ($2)) AS revoked
               FROM spaces WHERE id = $1
           ), added AS (
               INSERT INTO revocations (space_id, ucan_cid)
               SELECT id, $3 FROM space WHERE shared = $4 AND NOT remote AND NOT revoked
               ON CONFLICT (space_id, ucan_cid) DO NOTHING
           )
           SELECT shared AS "shared!", remote AS "remote!", revoked AS "revoked!" FROM space"#,
        access.space().as_uuid(),
        &cids(access),
        cid.to_hex(),
        access.chain().is_some(),
    );
    let space = revoked.fetch_optional(db).await?.ok_or(StorageError::SpaceNotFound)?;
    check_kind(access, space.shared)?;
    if space.remote {
        return Err(StorageError::SpaceIsRemote.into());
    }
    Ok(ReadCheck { shared: space.shared, revoked: space.revoked }.admit(access)?)
}

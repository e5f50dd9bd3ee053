//! Shares: keys of epochs, each wrapped for one member.

use async_trait::async_trait;
use bytes::Bytes;
use less_sync_core::{Did, Epoch, Requested};
use less_sync_storage::{
    Access, AdminGrant, EpochKeyError, EpochKeyRejection, EpochKeys, KeyShares, PRUNED_KEY_SHARES, ReadGrant,
    StorageError,
};
use uuid::Uuid;

use crate::PostgresStorage;
use crate::access::{ReadCheck, cids, for_writing};
use crate::pool::Class;
use crate::read::read;
use crate::session::Session;
use crate::transaction::{Aborted, Transaction};

#[async_trait]
impl EpochKeys for PostgresStorage {
    async fn put_epoch_keys(
        &self,
        grant: &AdminGrant,
        epoch: Requested<Epoch>,
        shares: KeyShares,
    ) -> Result<(), EpochKeyError> {
        self.pool.transact(Class::Push, &Put { access: grant.access(), epoch, shares: &shares }).await
    }

    async fn epoch_key(
        &self,
        grant: &ReadGrant,
        epoch: Requested<Epoch>,
        member: &Did,
    ) -> Result<Option<Bytes>, StorageError> {
        read!(self.pool, Class::Request, |db| select(db, grant.access(), epoch, member))
    }
}

struct Put<'a> {
    access: &'a Access,
    epoch: Requested<Epoch>,
    shares: &'a KeyShares,
}

impl Transaction for Put<'_> {
    type Outcome = ();
    type Rejection = EpochKeyRejection;

    async fn run(&self, db: &mut Session) -> Result<(), Aborted<EpochKeyRejection>> {
        let space = for_writing(db, self.access).await?;
        let latest = space.key_generation.next().unwrap_or(space.key_generation);
        let valid = self.epoch.value().filter(|epoch| *epoch <= latest);
        let epoch = valid.ok_or(EpochKeyRejection::InvalidEpoch)?;
        delete(db, space.id, epoch).await?;
        insert(db, space.id, epoch, self.shares).await?;
        Ok(())
    }
}

async fn delete(db: &mut Session, space: Uuid, epoch: Epoch) -> Result<(), sqlx::Error> {
    let deleted =
        sqlx::query!("DELETE FROM epoch_keys WHERE space_id = $1 AND epoch = $2", space, epoch.get());
    deleted.execute(db).await.map(drop)
}

/// There are at most a thousand, so one statement takes them all (storage T5).
async fn insert(db: &mut Session, space: Uuid, epoch: Epoch, shares: &KeyShares) -> Result<(), sqlx::Error> {
    let (members, keys): (Vec<&str>, Vec<&[u8]>) =
        shares.iter().map(|(member, key)| (member.as_str(), key.as_ref())).unzip();
    let inserted = sqlx::query!(
        "INSERT INTO epoch_keys (space_id, epoch, member_did, wrapped_key)
         SELECT $1, $2, member, key FROM unnest($3::text[], $4::bytea[]) AS share (member, key)",
        space,
        epoch.get(),
        &members as &[&str],
        &keys as &[&[u8]],
    );
    inserted.execute(db).await.map(drop)
}

/// Selects the share of a member. Returns one row for a space that exists, also without a share.
async fn select(
    db: &mut Session,
    access: &Access,
    epoch: Requested<Epoch>,
    member: &Did,
) -> Result<Option<Bytes>, Aborted> {
    let selected = sqlx::query!(
        r#"SELECT root_public_key IS NOT NULL AS "shared!",
                  EXISTS (SELECT FROM revocations WHERE space_id = $1 AND ucan_cid = ANY ($2)) AS "revoked!",
                  (SELECT wrapped_key FROM epoch_keys WHERE space_id = $1 AND epoch = $3 AND member_did = $4) AS key
           FROM spaces WHERE id = $1"#,
        access.space().as_uuid(),
        &cids(access),
        epoch.value().map(Epoch::get),
        member.as_str(),
    );
    let row = selected.fetch_optional(db).await?.ok_or(StorageError::SpaceNotFound)?;
    ReadCheck { shared: row.shared, revoked: row.revoked }.admit(access)?;
    Ok(row.key.map(Bytes::from))
}

/// Deletes the shares that are outdated once `epoch` is complete; those of the epoch before stay for devices that catch up
/// late. At most [`PRUNED_KEY_SHARES`] of them: the rest is deleted when the next epoch is complete. The lock of the space
/// keeps the rows where they are.
pub(crate) async fn prune(db: &mut Session, space: Uuid, epoch: Epoch) -> Result<(), sqlx::Error> {
    let last = epoch.get() - 2;
    let pruned = sqlx::query!(
        "DELETE FROM epoch_keys WHERE ctid = ANY (ARRAY (
             SELECT ctid FROM epoch_keys WHERE space_id = $1 AND epoch <= $2 LIMIT $3))",
        space,
        last,
        i64::try_from(PRUNED_KEY_SHARES).unwrap_or(i64::MAX),
    );
    pruned.execute(db).await.map(drop)
}

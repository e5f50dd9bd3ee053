//! Signing keys of this server towards its peers. Operations lock the table, which has a few rows.

use std::time::Duration;

use async_trait::async_trait;
use less_sync_storage::{
    AddedKey, DatabaseTime, FederationKey, FederationKeyError, FederationKeyRejection, FederationKeys,
    KeyPlacement, NewFederationKey, StorageError, StoredSeed,
};
use sqlx::Executor as _;

use crate::PostgresStorage;
use crate::clock::micros;
use crate::pool::Class;
use crate::read::{read, statement};
use crate::session::Session;
use crate::transaction::{Aborted, Transaction};

type Outcome<T> = Result<T, Aborted<FederationKeyRejection>>;

#[async_trait]
impl FederationKeys for PostgresStorage {
    async fn add_key(
        &self,
        key: &NewFederationKey,
        placement: &KeyPlacement,
    ) -> Result<AddedKey, FederationKeyError> {
        self.pool.transact(Class::Request, &Add { key, placement }).await
    }

    async fn promote_key(&self, kid: &str, minimum_age: Duration) -> Result<(), FederationKeyError> {
        self.pool.transact(Class::Request, &Promote { kid, minimum_age }).await
    }

    async fn deactivate_key(&self, kid: &str, force: bool) -> Result<(), FederationKeyError> {
        self.pool.transact(Class::Request, &Deactivate { kid, force }).await
    }

    async fn federation_keys(&self) -> Result<Vec<FederationKey>, StorageError> {
        read!(self.pool, Class::Request, |db| keys(db))
    }

    async fn delete_inactive_keys(&self, age: Duration) -> Result<u64, StorageError> {
        let deleted = statement!(self.pool, Class::Request, |db| {
            sqlx::query!(
                "DELETE FROM federation_signing_keys
             WHERE NOT is_active AND deactivated_at <= now() - $1::bigint * interval '1 microsecond'",
                micros(age),
            )
            .execute(db)
        });
        deleted.map(|deleted| deleted.rows_affected())
    }
}

struct Add<'a> {
    key: &'a NewFederationKey,
    placement: &'a KeyPlacement,
}

impl Transaction for Add<'_> {
    type Outcome = AddedKey;
    type Rejection = FederationKeyRejection;

    async fn run(&self, db: &mut Session) -> Outcome<AddedKey> {
        let stored = locked_keys(db).await?;
        let primary = stored.iter().find(|stored| stored.is_primary && stored.is_active);
        if let (KeyPlacement::PrimaryUnlessOf(url), Some(primary)) = (self.placement, primary)
            && primary.is_of(url)
        {
            return Ok(AddedKey::HasPrimary(primary.clone()));
        }
        if let Some(known) = stored.iter().find(|stored| stored.kid == self.key.kid) {
            let is_same = known.public == self.key.public;
            return if is_same {
                Ok(AddedKey::Unchanged)
            } else {
                Err(FederationKeyRejection::Mismatch.into())
            };
        }
        let insert = sqlx::query!(
            "INSERT INTO federation_signing_keys (kid, private_key, public_key) VALUES ($1, $2, $3)",
            self.key.kid,
            self.key.seed.as_bytes(),
            self.key.public,
        );
        insert.execute(&mut *db).await?;
        let is_primary = primary.is_none() || *self.placement != KeyPlacement::Staged;
        if is_primary {
            set_primary(db, &self.key.kid).await?;
        }
        Ok(AddedKey::Inserted { is_primary })
    }
}

struct Promote<'a> {
    kid: &'a str,
    minimum_age: Duration,
}

impl Transaction for Promote<'_> {
    type Outcome = ();
    type Rejection = FederationKeyRejection;

    async fn run(&self, db: &mut Session) -> Outcome<()> {
        let key = find(locked_keys(db).await?, self.kid)?;
        let is_old = sqlx::query_scalar!(
            r#"SELECT created_at <= now() - $2::bigint * interval '1 microsecond' AS "is_old!"
               FROM federation_signing_keys WHERE kid = $1"#,
            self.kid,
            micros(self.minimum_age),
        );
        if !key.is_primary && !is_old.fetch_one(&mut *db).await? {
            return Err(FederationKeyRejection::TooYoung.into());
        }
        Ok(set_primary(db, self.kid).await?)
    }
}

struct Deactivate<'a> {
    kid: &'a str,
    force: bool,
}

impl Transaction for Deactivate<'_> {
    type Outcome = ();
    type Rejection = FederationKeyRejection;

    async fn run(&self, db: &mut Session) -> Outcome<()> {
        if find(locked_keys(db).await?, self.kid)?.is_primary && !self.force {
            return Err(FederationKeyRejection::IsPrimary.into());
        }
        let deactivate = sqlx::query!(
            "UPDATE federation_signing_keys SET is_active = false, is_primary = false, deactivated_at = now()
             WHERE kid = $1 AND is_active",
            self.kid,
        );
        deactivate.execute(db).await?;
        Ok(())
    }
}

fn find(keys: Vec<FederationKey>, kid: &str) -> Outcome<FederationKey> {
    Ok(keys.into_iter().find(|key| key.kid == kid).ok_or(FederationKeyRejection::NotFound)?)
}

async fn set_primary(db: &mut Session, kid: &str) -> Result<(), sqlx::Error> {
    // Two statements: the unique index is checked row by row.
    let clear = sqlx::query!("UPDATE federation_signing_keys SET is_primary = false WHERE is_primary");
    clear.execute(&mut *db).await?;
    let set = sqlx::query!(
        "UPDATE federation_signing_keys SET is_primary = true, is_active = true, deactivated_at = NULL
         WHERE kid = $1",
        kid,
    );
    set.execute(db).await.map(drop)
}

/// All keys, locked against other operations until the transaction ends. The lock comes first: under READ COMMITTED the next
/// statement sees what its previous owner committed.
async fn locked_keys(db: &mut Session) -> Result<Vec<FederationKey>, sqlx::Error> {
    db.execute(sqlx::raw_sql("LOCK TABLE federation_signing_keys IN SHARE ROW EXCLUSIVE MODE")).await?;
    keys(db).await
}

async fn keys(db: &mut Session) -> Result<Vec<FederationKey>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"SELECT kid, private_key, public_key, is_active, is_primary,
                  (extract(epoch FROM created_at) * 1000000)::bigint AS "created_at!",
                  (extract(epoch FROM deactivated_at) * 1000000)::bigint AS deactivated_at
           FROM federation_signing_keys ORDER BY federation_signing_keys.created_at, kid"#,
    );
    let rows = rows.fetch_all(db).await?.into_iter();
    let keys = rows.map(|row| FederationKey {
        kid: row.kid,
        seed: StoredSeed::new(row.private_key),
        public: row.public_key,
        created_at: DatabaseTime::from_micros(row.created_at),
        is_active: row.is_active,
        is_primary: row.is_primary,
        deactivated_at: row.deactivated_at.map(DatabaseTime::from_micros),
    });
    Ok(keys.collect())
}

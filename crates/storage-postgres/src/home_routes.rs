//! Home servers of spaces, and stub rows.

use std::convert::Infallible;
use std::time::Duration;

use async_trait::async_trait;
use less_sync_core::SpaceId;
use less_sync_storage::stored::CorruptRow;
use less_sync_storage::{
    HomeRouteError, HomeRouteRejection, HomeRoutes, HomeServer, NewStub, PURGED_HOME, Spaces as _,
    StorageError, StubOutcome,
};
use uuid::Uuid;

use crate::PostgresStorage;
use crate::clock::micros;
use crate::error::unavailable;
use crate::pool::Class;
use crate::read::{read, statement};
use crate::session::Session;
use crate::transaction::{Aborted, Transaction, plan_by_key};

#[async_trait]
impl HomeRoutes for PostgresStorage {
    async fn home_server(&self, space: SpaceId) -> Result<Option<String>, StorageError> {
        let home = read!(self.pool, Class::Request, |db| select(db, space))?;
        home.filter(|home| home.as_deref() != Some(PURGED_HOME)).ok_or(StorageError::SpaceNotFound)
    }

    async fn set_home_server(
        &self,
        space: SpaceId,
        home: Option<&HomeServer>,
        force: bool,
    ) -> Result<(), HomeRouteError> {
        let home = home.map(HomeServer::as_str);
        self.pool.transact(Class::Request, &Set { space, home, force }).await
    }

    async fn create_stub(&self, stub: &NewStub) -> Result<StubOutcome, StorageError> {
        let inserted = statement!(self.pool, Class::Request, |db| insert(db, stub))?;
        if inserted {
            return Ok(StubOutcome::Created);
        }
        // If the operator has removed the space since, the next access creates the stub.
        let found = self.spaces(&[stub.id]).await?.pop();
        found.map(StubOutcome::Exists).ok_or_else(|| unavailable(CorruptRow("space")))
    }

    async fn delete_stub(&self, space: SpaceId) -> Result<(), HomeRouteError> {
        self.pool.transact(Class::Request, &Delete { space }).await
    }

    async fn note_interest(&self, spaces: &[SpaceId]) -> Result<(), StorageError> {
        let mut ids: Vec<Uuid> = spaces.iter().map(SpaceId::as_uuid).collect();
        ids.sort_unstable();
        self.pool.transact(Class::Job, &Note { ids }).await
    }

    async fn delete_idle_stubs(&self, idle: Duration, batch: usize) -> Result<usize, StorageError> {
        let batch = i64::try_from(batch).unwrap_or(i64::MAX);
        statement!(self.pool, Class::Job, |db| delete_idle(db, idle, batch))
            .map(|rows| usize::try_from(rows).unwrap_or(usize::MAX))
    }
}

struct Set<'a> {
    space: SpaceId,
    home: Option<&'a str>,
    force: bool,
}

impl Transaction for Set<'_> {
    type Outcome = ();
    type Rejection = HomeRouteRejection;

    async fn run(&self, db: &mut Session) -> Result<(), Aborted<HomeRouteRejection>> {
        let stored = locked(db, self.space).await?;
        if stored.as_deref() == self.home {
            return Ok(());
        }
        if !self.force && has_rows(db, self.space).await? {
            return Err(HomeRouteRejection::NotEmpty.into());
        }
        let set = sqlx::query!(
            "UPDATE spaces SET home_server = $2 WHERE id = $1",
            self.space.as_uuid(),
            self.home,
        );
        set.execute(db).await?;
        Ok(())
    }
}

struct Delete {
    space: SpaceId,
}

impl Transaction for Delete {
    type Outcome = ();
    type Rejection = HomeRouteRejection;

    async fn run(&self, db: &mut Session) -> Result<(), Aborted<HomeRouteRejection>> {
        if locked(db, self.space).await?.is_none() {
            return Err(HomeRouteRejection::NotRemote.into());
        }
        if has_rows(db, self.space).await? {
            return Err(HomeRouteRejection::NotEmpty.into());
        }
        sqlx::query!("DELETE FROM spaces WHERE id = $1", self.space.as_uuid()).execute(db).await?;
        Ok(())
    }
}

/// Update of the time of the last use. The rows are locked in the order of their ids.
struct Note {
    ids: Vec<Uuid>,
}

impl Transaction for Note {
    type Outcome = ();
    type Rejection = Infallible;

    async fn run(&self, db: &mut Session) -> Result<(), Aborted> {
        plan_by_key(db).await?;
        // A trigger sets the time.
        let note = sqlx::query!(
            "UPDATE spaces SET home_server = home_server WHERE id IN (
                 SELECT id FROM spaces WHERE id = ANY ($1) AND home_server IS NOT NULL
                 ORDER BY id FOR NO KEY UPDATE)",
            &self.ids,
        );
        note.execute(db).await?;
        Ok(())
    }
}

/// Home server of a space that is not being removed; the row stays locked until the transaction ends.
async fn locked<R>(db: &mut Session, space: SpaceId) -> Result<Option<String>, Aborted<R>> {
    let locked =
        sqlx::query_scalar!("SELECT home_server FROM spaces WHERE id = $1 FOR UPDATE", space.as_uuid());
    let home = locked.fetch_optional(db).await?;
    let home = home.filter(|home| home.as_deref() != Some(PURGED_HOME));
    home.ok_or(Aborted::Rejected(StorageError::SpaceNotFound))
}

async fn has_rows(db: &mut Session, space: SpaceId) -> Result<bool, sqlx::Error> {
    let rows = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM records WHERE space_id = $1)
               OR EXISTS (SELECT FROM members WHERE space_id = $1)
               OR EXISTS (SELECT FROM files WHERE space_id = $1) AS "any!""#,
        space.as_uuid(),
    );
    rows.fetch_one(db).await
}

async fn select(db: &mut Session, space: SpaceId) -> Result<Option<Option<String>>, sqlx::Error> {
    let home = sqlx::query_scalar!("SELECT home_server FROM spaces WHERE id = $1", space.as_uuid());
    home.fetch_optional(db).await
}

/// Inserts a stub; true if the row is new.
async fn insert(db: &mut Session, stub: &NewStub) -> Result<bool, sqlx::Error> {
    let insert = sqlx::query!(
        "INSERT INTO spaces (id, client_id, root_public_key, home_server) VALUES ($1, $2, $3, $4)
         ON CONFLICT (id) DO NOTHING",
        stub.id.as_uuid(),
        stub.client_id.as_str(),
        &stub.root_public_key[..],
        stub.home.as_str(),
    );
    Ok(insert.execute(db).await?.rows_affected() == 1)
}

/// Deletes stubs without use. The ids are an array, so that the plan finds them once; SKIP LOCKED leaves stubs alone that are in
/// use.
async fn delete_idle(db: &mut Session, idle: Duration, batch: i64) -> Result<u64, sqlx::Error> {
    let delete = sqlx::query!(
        "DELETE FROM spaces WHERE id = ANY (ARRAY (
             SELECT id FROM spaces AS stub
             WHERE home_server IS NOT NULL AND home_server <> $3
               AND updated_at <= now() - $1::bigint * interval '1 microsecond'
               AND NOT EXISTS (SELECT FROM records WHERE space_id = stub.id)
               AND NOT EXISTS (SELECT FROM members WHERE space_id = stub.id)
               AND NOT EXISTS (SELECT FROM files WHERE space_id = stub.id)
             LIMIT $2 FOR UPDATE SKIP LOCKED))",
        micros(idle),
        batch,
        PURGED_HOME,
    );
    Ok(delete.execute(db).await?.rows_affected())
}

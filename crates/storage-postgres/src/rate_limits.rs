//! Rate limits. Counting and taking a permit runs under an advisory lock of the actor and the action, so that concurrent
//! callers cannot exceed the limit (storage §3.15). Actor hashes are cast like mailbox ids (storage §7.2).

use std::time::Duration;

use async_trait::async_trait;
use less_sync_storage::{
    ActorHash, Permit, RateAction, RateLimit, RateLimitError, RateLimitRejection, RateLimits, StorageError,
};

use crate::PostgresStorage;
use crate::clock::micros;
use crate::pool::Class;
use crate::read::{read, statement};
use crate::session::Session;
use crate::transaction::{Aborted, Transaction};

#[async_trait]
impl RateLimits for PostgresStorage {
    async fn acquire(
        &self,
        action: RateAction,
        actor: ActorHash,
        limit: RateLimit,
    ) -> Result<Permit, RateLimitError> {
        self.pool.transact(Class::Request, &Acquire { action, actor, limit }).await
    }

    async fn release(&self, permit: Permit) -> Result<(), StorageError> {
        statement!(self.pool, Class::Request, |db| release(db, &permit))
    }

    async fn count_actions(
        &self,
        action: RateAction,
        actor: ActorHash,
        window: Duration,
    ) -> Result<usize, StorageError> {
        let counted = read!(self.pool, Class::Request, |db| count(db, action, actor, window));
        counted.map(|actions: i64| usize::try_from(actions).unwrap_or(0))
    }

    async fn purge_actions(&self, age: Duration, batch: usize) -> Result<usize, StorageError> {
        let batch = i64::try_from(batch).unwrap_or(i64::MAX);
        statement!(self.pool, Class::Job, |db| purge(db, age, batch))
            .map(|rows| usize::try_from(rows).unwrap_or(usize::MAX))
    }
}

struct Acquire {
    action: RateAction,
    actor: ActorHash,
    limit: RateLimit,
}

impl Transaction for Acquire {
    type Outcome = Permit;
    type Rejection = RateLimitRejection;

    async fn run(&self, db: &mut Session) -> Result<Permit, Aborted<RateLimitRejection>> {
        let (action, actor) = (self.action.as_str(), self.actor.to_hex());
        lock(db, action, &actor).await?;
        match take(db, action, &actor, self.limit).await? {
            Taken::Permit(id) => Ok(Permit { actor: self.actor, id }),
            Taken::Nothing(retry_after) => Err(RateLimitRejection::Exceeded { retry_after }.into()),
        }
    }
}

/// Takes the advisory lock until the end of the transaction. A statement of its own: the next one takes a new snapshot, and
/// so sees permits that were committed while this one waited.
async fn lock(db: &mut Session, action: &str, actor: &str) -> Result<(), sqlx::Error> {
    let locked = sqlx::query!(
        r#"SELECT 1 AS "one!" FROM pg_advisory_xact_lock(hashtextextended($1 || ':' || $2, 0))"#,
        action,
        actor
    );
    locked.fetch_one(db).await.map(drop)
}

enum Taken {
    Permit([u8; 16]),
    /// Time until the next action is permitted.
    Nothing(Duration),
}

async fn take(db: &mut Session, action: &str, actor: &str, limit: RateLimit) -> Result<Taken, sqlx::Error> {
    let taken = sqlx::query!(
        r#"WITH counted AS (
               SELECT count(*) AS actions, min(created_at) AS oldest FROM rate_limit_actions
               WHERE action = $1 AND actor_hash = $2::bpchar
                 AND created_at > now() - $3::bigint * interval '1 microsecond'
           ), taken AS (
               INSERT INTO rate_limit_actions (action, actor_hash)
               SELECT $1, $2::bpchar FROM counted WHERE actions < $4
               RETURNING id
           )
           SELECT taken.id AS "id?", (extract(epoch FROM coalesce(oldest, now()) - now()) * 1000000)::bigint AS "age!"
           FROM counted LEFT JOIN taken ON true"#,
        action,
        actor,
        micros(limit.window),
        i64::try_from(limit.actions).unwrap_or(i64::MAX),
    );
    let row = taken.fetch_one(db).await?;
    Ok(match row.id {
        Some(id) => Taken::Permit(id.into_bytes()),
        None => Taken::Nothing(wait(micros(limit.window).saturating_add(row.age))),
    })
}

/// Reported wait, at least a second, so that a rejected caller does not retry at once.
fn wait(micros: i64) -> Duration {
    Duration::from_micros(u64::try_from(micros).unwrap_or(0)).max(Duration::from_secs(1))
}

async fn release(db: &mut Session, permit: &Permit) -> Result<(), sqlx::Error> {
    let released = sqlx::query!(
        "DELETE FROM rate_limit_actions WHERE actor_hash = $1::bpchar AND id = $2",
        permit.actor.to_hex(),
        uuid::Uuid::from_bytes(permit.id),
    );
    released.execute(db).await.map(drop)
}

async fn count(
    db: &mut Session,
    action: RateAction,
    actor: ActorHash,
    window: Duration,
) -> Result<i64, sqlx::Error> {
    let counted = sqlx::query_scalar!(
        r#"SELECT count(*) AS "actions!" FROM rate_limit_actions
           WHERE action = $1 AND actor_hash = $2::bpchar
             AND created_at > now() - $3::bigint * interval '1 microsecond'"#,
        action.as_str(),
        actor.to_hex(),
        micros(window),
    );
    counted.fetch_one(db).await
}

/// Deletes old actions. The keys are a materialized CTE, so that the plan finds them once.
async fn purge(db: &mut Session, age: Duration, batch: i64) -> Result<u64, sqlx::Error> {
    let purged = sqlx::query!(
        "WITH old AS MATERIALIZED (
             SELECT actor_hash, id FROM rate_limit_actions
             WHERE created_at < now() - $1::bigint * interval '1 microsecond'
             ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED
         )
         DELETE FROM rate_limit_actions a USING old WHERE a.actor_hash = old.actor_hash AND a.id = old.id",
        micros(age),
        batch,
    );
    Ok(purged.execute(db).await?.rows_affected())
}

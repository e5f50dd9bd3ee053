//! Rate limits. The single writer makes counting and taking a permit atomic.

use std::time::Duration;

use async_trait::async_trait;
use less_sync_storage::{
    ActorHash, Flow, Permit, RateAction, RateLimit, RateLimitError, RateLimitRejection, RateLimits,
    StorageError,
};
use rusqlite::{Connection, params};

use crate::clock::{micros, now_micros};
use crate::error::storage_error;
use crate::{SqliteStorage, random};

/// Estimate of the log bytes per action.
const ACTION_BYTES: usize = 512;

const COUNT: &str = "\
    SELECT count(*), min(created_at) FROM rate_limit_actions
    WHERE action = ?1 AND actor_hash = ?2 AND created_at > ?3";

const INSERT: &str = "\
    INSERT INTO rate_limit_actions (actor_hash, id, action, created_at) VALUES (?1, ?2, ?3, ?4)";

const DELETE: &str = "DELETE FROM rate_limit_actions WHERE actor_hash = ?1 AND id = ?2";

const PURGE: &str = "\
    DELETE FROM rate_limit_actions WHERE (actor_hash, id) IN (
        SELECT actor_hash, id FROM rate_limit_actions WHERE created_at < ?1 ORDER BY created_at LIMIT ?2
    )";

#[async_trait]
impl RateLimits for SqliteStorage {
    async fn acquire(
        &self,
        action: RateAction,
        actor: ActorHash,
        limit: RateLimit,
    ) -> Result<Permit, RateLimitError> {
        self.writer.write(ACTION_BYTES, move |db| acquire(db, action, actor, limit)).await
    }

    async fn release(&self, permit: Permit) -> Result<(), StorageError> {
        self.writer
            .write(ACTION_BYTES, move |db| {
                let mut delete = db.prepare_cached(DELETE).map_err(storage_error)?;
                delete.execute(params![permit.actor.to_hex(), permit.id]).map(drop).map_err(storage_error)
            })
            .await
    }

    async fn count_actions(
        &self,
        action: RateAction,
        actor: ActorHash,
        window: Duration,
    ) -> Result<usize, StorageError> {
        self.readers
            .read(Flow::SERVER, move |db| {
                let since = now_micros().saturating_sub(micros(window));
                Ok(counted(db, action, &actor.to_hex(), since)?.actions)
            })
            .await
    }

    async fn purge_actions(&self, age: Duration, batch: usize) -> Result<usize, StorageError> {
        self.writer
            .write(ACTION_BYTES.saturating_mul(batch), move |db| {
                let mut purge = db.prepare_cached(PURGE).map_err(storage_error)?;
                let before = now_micros().saturating_sub(micros(age));
                let batch = i64::try_from(batch).unwrap_or(i64::MAX);
                purge.execute(params![before, batch]).map_err(storage_error)
            })
            .await
    }
}

fn acquire(
    db: &Connection,
    action: RateAction,
    actor: ActorHash,
    limit: RateLimit,
) -> Result<Permit, RateLimitError> {
    let (hash, now, window) = (actor.to_hex(), now_micros(), micros(limit.window));
    let counted = counted(db, action, &hash, now.saturating_sub(window))?;
    if counted.actions >= limit.actions {
        let free_at = counted.oldest.unwrap_or(now).saturating_add(window);
        return Err(RateLimitRejection::Exceeded { retry_after: until(now, free_at) }.into());
    }
    let id = random::uuid(db)?;
    let mut insert = db.prepare_cached(INSERT).map_err(storage_error)?;
    insert.execute(params![hash, id, action.as_str(), now]).map_err(storage_error)?;
    Ok(Permit { actor, id })
}

/// Reported wait, at least a second, so that a rejected caller does not retry at once.
fn until(now: i64, then: i64) -> Duration {
    let wait = Duration::from_micros(u64::try_from(then.saturating_sub(now)).unwrap_or(0));
    wait.max(Duration::from_secs(1))
}

struct Counted {
    actions: usize,
    oldest: Option<i64>,
}

/// Counts the actions of an actor after `since`.
fn counted<R>(
    db: &Connection,
    action: RateAction,
    actor: &str,
    since: i64,
) -> Result<Counted, StorageError<R>> {
    let mut select = db.prepare_cached(COUNT).map_err(storage_error)?;
    select
        .query_row(params![action.as_str(), actor, since], |row| {
            Ok(Counted { actions: row.get::<_, u32>(0)? as usize, oldest: row.get(1)? })
        })
        .map_err(storage_error)
}

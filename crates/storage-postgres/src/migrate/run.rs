//! Execution of one migration, forwards or back, together with its row in the history.

use std::time::Duration;

use sqlx::AssertSqlSafe;
use tokio::time::Instant;

use super::MigrateError;
use super::catalog::Drift;
use super::files::Migration;
use super::history;
use super::owners::StrayFile;
use super::script::Script;
use crate::session::Session;

/// A migration that was run, or reverted, or would be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Version of the migration.
    pub version: i64,
    /// Name of the migration.
    pub description: String,
    /// Duration; zero for a step that was not run.
    pub took: Duration,
}

/// Progress event of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Another migrator is at work, and this one waits for it to end.
    Waiting,
    /// A step begins, in either direction. It may take a while.
    Started(Step),
    /// The history of the first-generation server was adopted, up to this version.
    Adopted(i64),
    /// A migration is complete and recorded.
    Applied(Step),
    /// The reversal of a migration is complete and recorded.
    Reverted(Step),
    /// A dry run would take this step.
    Planned(Step),
    /// The schema is not what its version should be, and that was allowed.
    Drifted(Drift),
    /// Files that belong to no record of their space; the first of them. The constraint stays NOT VALID.
    StrayFiles(Vec<StrayFile>),
}

/// Receiver of progress events.
pub(crate) type Listener<'l> = &'l mut (dyn FnMut(Event) + Send);

impl Step {
    pub(crate) fn planned(migration: &Migration) -> Self {
        Self::of(migration, Duration::ZERO)
    }

    fn of(migration: &Migration, took: Duration) -> Self {
        Self { version: migration.version, description: migration.description(), took }
    }
}

/// Runs a migration and records it, atomically where the script runs in a transaction. Otherwise it is recorded last, and
/// running it again is harmless.
pub(crate) async fn apply(db: &mut Session, migration: &Migration) -> Result<Step, MigrateError> {
    let started = Instant::now();
    let script = migration.up();
    let outcome = if script.in_transaction() {
        apply_at_once(db, migration, script, started).await
    } else {
        apply_concurrently(db, migration, script, started).await
    };
    let step = finish(outcome, migration, started)?;
    tracing::info!(version = step.version, description = step.description, "migration applied");
    Ok(step)
}

async fn apply_at_once(
    db: &mut Session,
    migration: &Migration,
    script: Script,
    started: Instant,
) -> sqlx::Result<()> {
    let mut transaction = db.begin().await?;
    sqlx::raw_sql(script.sql()).execute(&mut *transaction).await?;
    history::insert(&mut transaction, migration, started.elapsed()).await?;
    transaction.commit().await
}

async fn apply_concurrently(
    db: &mut Session,
    migration: &Migration,
    script: Script,
    started: Instant,
) -> sqlx::Result<()> {
    if let Some(index) = script.index()
        && leftover(db, index).await? == Some(Leftover::Invalid)
    {
        tracing::info!(index, "dropping the index of an interrupted migration");
        let drop_index = format!("DROP INDEX CONCURRENTLY IF EXISTS {index}");
        sqlx::raw_sql(AssertSqlSafe(drop_index)).execute(&mut *db).await?;
    }
    sqlx::raw_sql(script.sql()).execute(&mut *db).await?;
    history::insert(db, migration, started.elapsed()).await
}

/// Reverts a migration and takes it out of the history: both or neither, in a transaction. Without one it leaves the
/// history first, so that what an interruption leaves is what an interrupted run forwards leaves.
pub(crate) async fn revert(db: &mut Session, migration: &Migration) -> Result<Step, MigrateError> {
    let started = Instant::now();
    let script = migration.down();
    let outcome = if script.in_transaction() {
        revert_at_once(db, migration, script).await
    } else {
        revert_concurrently(db, migration, script).await
    };
    let step = finish(outcome, migration, started)?;
    tracing::info!(version = step.version, description = step.description, "migration reverted");
    Ok(step)
}

async fn revert_at_once(db: &mut Session, migration: &Migration, script: Script) -> sqlx::Result<()> {
    let mut transaction = db.begin().await?;
    sqlx::raw_sql(script.sql()).execute(&mut *transaction).await?;
    history::delete(&mut transaction, migration).await?;
    transaction.commit().await
}

async fn revert_concurrently(db: &mut Session, migration: &Migration, script: Script) -> sqlx::Result<()> {
    history::delete(db, migration).await?;
    sqlx::raw_sql(script.sql()).execute(db).await.map(drop)
}

/// Removes the index of a migration that is not in the history.
pub(crate) async fn clear(db: &mut Session, migration: &Migration) -> Result<(), MigrateError> {
    let (started, script) = (Instant::now(), migration.down());
    let outcome = sqlx::raw_sql(script.sql()).execute(db).await.map(drop);
    finish(outcome, migration, started).map(drop)
}

fn finish(outcome: sqlx::Result<()>, migration: &Migration, started: Instant) -> Result<Step, MigrateError> {
    let step = Step::of(migration, started.elapsed());
    match outcome {
        Ok(()) => Ok(step),
        Err(source) => Err(MigrateError::Failed {
            version: step.version,
            description: step.description,
            source: source.into(),
        }),
    }
}

/// An index of a migration that is not in the history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leftover {
    /// Invalid: the build was interrupted.
    Invalid,
    /// Complete, but not recorded in the history.
    Complete,
}

pub(crate) async fn leftover(db: &mut Session, index: &str) -> sqlx::Result<Option<Leftover>> {
    let valid: Option<bool> = sqlx::query_scalar(
        "SELECT x.indisvalid FROM pg_catalog.pg_index AS x
         JOIN pg_catalog.pg_class AS c ON c.oid = x.indexrelid
         JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
         WHERE n.nspname = current_schema() AND c.relname = $1",
    )
    .bind(index)
    .fetch_optional(db)
    .await?;
    Ok(valid.map(|valid| if valid { Leftover::Complete } else { Leftover::Invalid }))
}

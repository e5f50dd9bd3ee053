//! Restore jump (operations §12).

use less_sync_core::SpaceId;
use less_sync_storage::stored::cursor;
use less_sync_storage::{
    JUMP_BATCH, JUMP_SETTING, JumpOutcome, JumpPosition, JumpProgress, JumpRejection, JumpRequest,
};
use sqlx::AssertSqlSafe;
use uuid::Uuid;

use super::position::{self, Position};
use super::{MigrateError, files};
use crate::session::Session;

/// Tables whose rows carry cursors.
const TABLES: [&str; 3] = ["records", "members", "files"];

/// Locks the next spaces, in the order of all writers (storage T3).
const NEXT: &str = "
    SELECT id FROM spaces WHERE $1::uuid IS NULL OR id > $1 ORDER BY id LIMIT $2 FOR NO KEY UPDATE";

const RECORD: &str = "
    INSERT INTO server_settings (name, value) VALUES ($1, $2)
    ON CONFLICT (name) DO UPDATE SET value = excluded.value";

/// Raises every cursor, spaces in ascending order, some of them per transaction. A run that ends before continues with
/// the next call.
pub(crate) async fn run(
    db: &mut Session,
    request: JumpRequest,
    tell: &mut (dyn FnMut(&JumpProgress) + Send),
) -> Result<JumpOutcome, MigrateError> {
    require_current(db).await?;
    let mut progress = request.begin(recorded(db).await?.as_deref())?;
    if progress.is_complete() {
        return Ok(JumpOutcome::AlreadyComplete(progress));
    }
    check_room(db, &progress).await?;
    while !progress.is_complete() {
        progress = batch(db, progress).await?;
        tell(&progress);
    }
    Ok(JumpOutcome::Jumped(progress))
}

/// Rejects a database whose schema is not that of this build.
pub(crate) async fn require_current(db: &mut Session) -> Result<(), MigrateError> {
    let needed = files::latest_version();
    match position::find(db).await? {
        Position::At(found) if found == needed => Ok(()),
        Position::At(found) => Err(MigrateError::SchemaBehind { found, needed }),
        Position::Goose(found) => Err(MigrateError::Goose(found)),
    }
}

/// Rejects a database in which a jump was interrupted: some of its spaces would give cursors to clients that know them.
pub(crate) async fn require_complete(db: &mut Session) -> Result<(), MigrateError> {
    match recorded(db).await? {
        Some(recorded) if !recorded.parse::<JumpProgress>()?.is_complete() => {
            Err(MigrateError::UnfinishedRestore)
        }
        _ => Ok(()),
    }
}

async fn recorded(db: &mut Session) -> sqlx::Result<Option<String>> {
    let select = sqlx::query_scalar("SELECT value FROM server_settings WHERE name = $1");
    select.bind(JUMP_SETTING).fetch_optional(db).await
}

async fn check_room(db: &mut Session, progress: &JumpProgress) -> Result<(), MigrateError> {
    let select =
        sqlx::query_scalar("SELECT coalesce(max(cursor), 0) FROM spaces WHERE $1::uuid IS NULL OR id > $1");
    let highest: i64 = select.bind(last(progress)).fetch_one(db).await?;
    let highest = cursor(highest).map_err(|_corrupt| JumpRejection::Malformed)?;
    Ok(progress.jump.check_room(highest)?)
}

/// Changes the next spaces, and records that in the same transaction.
async fn batch(db: &mut Session, mut progress: JumpProgress) -> Result<JumpProgress, MigrateError> {
    let mut transaction = db.begin().await?;
    let next = sqlx::query_scalar(NEXT).bind(last(&progress)).bind(i64::try_from(JUMP_BATCH).unwrap_or(1));
    let spaces: Vec<Uuid> = next.fetch_all(&mut *transaction).await?;
    if let Some(last) = spaces.last() {
        progress.rows += jump_spaces(&mut transaction, &spaces, &progress).await?;
        progress.spaces += spaces.len() as u64;
        progress.position = JumpPosition::After(SpaceId::from(*last));
    }
    if spaces.len() < JUMP_BATCH {
        progress.position = JumpPosition::Complete;
    }
    let record = sqlx::query(RECORD).bind(JUMP_SETTING).bind(progress.to_string());
    record.execute(&mut *transaction).await?;
    transaction.commit().await?;
    Ok(progress)
}

/// Changes spaces and their rows, and returns the number of these.
async fn jump_spaces(db: &mut Session, spaces: &[Uuid], progress: &JumpProgress) -> sqlx::Result<u64> {
    let mut rows = 0;
    for table in TABLES {
        let update =
            format!("UPDATE {table} SET cursor = cursor + $2 WHERE space_id = ANY ($1) AND cursor > 0");
        let update = sqlx::query(AssertSqlSafe(update)).bind(spaces).bind(progress.jump.as_i64());
        rows += update.execute(&mut *db).await?.rows_affected();
    }
    let update =
        sqlx::query("UPDATE spaces SET cursor = cursor + $2, updated_at = now() WHERE id = ANY ($1)");
    update.bind(spaces).bind(progress.jump.as_i64()).execute(db).await?;
    Ok(rows)
}

fn last(progress: &JumpProgress) -> Option<Uuid> {
    progress.last().map(|space| Uuid::from_bytes(*space.as_bytes()))
}

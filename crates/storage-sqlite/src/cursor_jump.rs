//! Restore jump of an embedded database (operations §12).

use std::path::Path;

use less_sync_core::SpaceId;
use less_sync_disk::DirectorySync;
use less_sync_storage::stored::cursor;
use less_sync_storage::{
    JUMP_BATCH, JUMP_SETTING, JumpOutcome, JumpPosition, JumpProgress, JumpRejection, JumpRequest,
};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

use crate::database_file::DatabaseFile;
use crate::{OpenError, migrate};

/// Rows after which a transaction takes no further space.
const BATCH_ROWS: u64 = 20_000;

/// Statements that raise the cursors of rows, one for each table.
const RAISE_ROWS: [&str; 3] = [
    "UPDATE records SET cursor = cursor + ?2 WHERE space_id = ?1 AND cursor > 0",
    "UPDATE members SET cursor = cursor + ?2 WHERE space_id = ?1 AND cursor > 0",
    "UPDATE files SET cursor = cursor + ?2 WHERE space_id = ?1 AND cursor > 0",
];

/// Reads the record of a jump.
pub(crate) const RECORDED: &str = "SELECT value FROM server_settings WHERE name = ?1";

const RECORD: &str = "INSERT INTO server_settings (name, value) VALUES (?1, ?2)
    ON CONFLICT DO UPDATE SET value = excluded.value";

/// Raises every cursor of the database at `path`, spaces in ascending order, some of them per transaction. Reports the
/// progress after each transaction; a run that ends before continues with the next call.
///
/// # Errors
/// See [`OpenError`]; in particular a missing database, one that a server has open or whose schema is outdated, and
/// [`JumpRejection`].
pub fn jump_cursors(
    path: &Path,
    directory_sync: &DirectorySync,
    request: JumpRequest,
    tell: &mut dyn FnMut(&JumpProgress),
) -> Result<JumpOutcome, OpenError> {
    let (mut db, _file) = open_existing(path, directory_sync)?;
    let recorded: Option<String> = db.query_row(RECORDED, [JUMP_SETTING], |row| row.get(0)).optional()?;
    let mut progress = request.begin(recorded.as_deref())?;
    if progress.is_complete() {
        return Ok(JumpOutcome::AlreadyComplete(progress));
    }
    check_room(&db, &progress)?;
    while !progress.is_complete() {
        progress = batch(&mut db, progress)?;
        tell(&progress);
    }
    Ok(JumpOutcome::Jumped(progress))
}

/// Opens a database file that exists and has the schema of this build, for a tool that changes it.
pub(crate) fn open_existing(
    path: &Path,
    directory_sync: &DirectorySync,
) -> Result<(Connection, DatabaseFile), OpenError> {
    let found = path.try_exists().map_err(|source| OpenError::Files { path: path.to_owned(), source })?;
    if !found {
        return Err(OpenError::Missing(path.to_owned()));
    }
    let file = DatabaseFile::claim(path, directory_sync)?;
    let db = crate::connection::open_writer(file.location().path(), None)?;
    migrate::require_current(&db)?;
    Ok((db, file))
}

fn check_room(db: &Connection, progress: &JumpProgress) -> Result<(), OpenError> {
    let last = progress.last();
    let highest: i64 = db.query_row(
        "SELECT coalesce(max(cursor), 0) FROM spaces WHERE id > coalesce(?1, x'')",
        [last.as_ref().map(SpaceId::as_bytes)],
        |row| row.get(0),
    )?;
    let highest = cursor(highest).map_err(|_corrupt| JumpRejection::Malformed)?;
    Ok(progress.jump.check_room(highest)?)
}

/// Changes the next spaces, and records that in the same transaction.
fn batch(db: &mut Connection, mut progress: JumpProgress) -> Result<JumpProgress, OpenError> {
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let rows_before = progress.rows;
    for _ in 0..JUMP_BATCH {
        if progress.rows - rows_before >= BATCH_ROWS {
            break;
        }
        let Some(space) = next_space(&transaction, &progress)? else {
            progress.position = JumpPosition::Complete;
            break;
        };
        progress.rows += jump_space(&transaction, space, &progress)?;
        progress.spaces += 1;
        progress.position = JumpPosition::After(space);
    }
    transaction.execute(RECORD, params![JUMP_SETTING, progress.to_string()])?;
    transaction.commit()?;
    Ok(progress)
}

fn next_space(db: &Connection, progress: &JumpProgress) -> rusqlite::Result<Option<SpaceId>> {
    let last = progress.last();
    let mut select =
        db.prepare_cached("SELECT id FROM spaces WHERE id > coalesce(?1, x'') ORDER BY id LIMIT 1")?;
    let id = select.query_row([last.as_ref().map(SpaceId::as_bytes)], |row| row.get(0)).optional()?;
    Ok(id.map(SpaceId::from_bytes))
}

/// Changes a space and its rows, and returns the number of these.
fn jump_space(db: &Connection, space: SpaceId, progress: &JumpProgress) -> rusqlite::Result<u64> {
    let parameters = params![space.as_bytes(), progress.jump.as_i64()];
    let mut rows = 0;
    for update in RAISE_ROWS {
        rows += db.prepare_cached(update)?.execute(parameters)? as u64;
    }
    db.prepare_cached("UPDATE spaces SET cursor = cursor + ?2 WHERE id = ?1")?.execute(parameters)?;
    Ok(rows)
}

/// Rejects a database in which a jump was interrupted: some of its spaces would give cursors to clients that know them.
pub(crate) fn require_complete(db: &Connection) -> Result<(), OpenError> {
    let recorded: Option<String> = db.query_row(RECORDED, [JUMP_SETTING], |row| row.get(0)).optional()?;
    let Some(recorded) = recorded else { return Ok(()) };
    if recorded.parse::<JumpProgress>()?.is_complete() { Ok(()) } else { Err(OpenError::UnfinishedRestore) }
}

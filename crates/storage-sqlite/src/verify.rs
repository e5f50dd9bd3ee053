//! Checker of the invariants (storage §10), for a database that may be in use.

use std::path::Path;

use less_sync_core::SpaceId;
use less_sync_storage::{MAX_VIOLATIONS, Verified, VerifyReport, Violation};
use rusqlite::{Connection, OptionalExtension, params};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::foreign_database::ForeignDatabase;
use crate::{OpenError, migrate};

const OF_SPACE: &str = include_str!("verify/space.sql");
const OF_DATABASE: &str = include_str!("verify/database.sql");

/// Checks the invariants of every space from `from` on, in ascending order of ids, and those of the whole database, and
/// changes nothing. Each space is checked in one read transaction, so that a server may write meanwhile.
///
/// # Errors
/// See [`OpenError`]; in particular a missing database, and one whose schema is outdated.
pub fn verify(
    path: &Path,
    from: Option<SpaceId>,
    report: &mut dyn VerifyReport,
) -> Result<Verified, OpenError> {
    let found = path.try_exists().map_err(|source| OpenError::Files { path: path.to_owned(), source })?;
    if !found {
        return Err(OpenError::Missing(path.to_owned()));
    }
    let mut db = ForeignDatabase::open(path)?;
    migrate::require_current(&db)?;
    let mut verified = Verified::default();
    let integrity: String = db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if integrity != "ok" {
        verified.violations += 1;
        report.violation(Violation { space: None, text: integrity, row: None });
    }
    let mut next = first_space(&db, from)?;
    while let Some(space) = next {
        let snapshot = db.transaction()?;
        for violation in of_space(&snapshot, space)? {
            verified.violations += 1;
            report.violation(violation);
        }
        verified.spaces += 1;
        report.checked(space, verified);
        let select = "SELECT id FROM spaces WHERE id > ?1 ORDER BY id LIMIT 1";
        let id = snapshot.query_row(select, [space.as_bytes()], |row| row.get(0)).optional()?;
        next = id.map(SpaceId::from_bytes);
    }
    for (text, space) in rows(&db, OF_DATABASE, None)? {
        verified.violations += 1;
        let space = space.map(SpaceId::from);
        report.violation(Violation { space, text, row: None });
    }
    db.require_quiet()?;
    Ok(verified)
}

fn first_space(db: &Connection, from: Option<SpaceId>) -> rusqlite::Result<Option<SpaceId>> {
    let select = "SELECT id FROM spaces WHERE id >= coalesce(?1, x'') ORDER BY id LIMIT 1";
    let from = from.as_ref().map(SpaceId::as_bytes);
    Ok(db.query_row(select, [from], |row| row.get(0)).optional()?.map(SpaceId::from_bytes))
}

fn of_space(db: &Connection, space: SpaceId) -> rusqlite::Result<Vec<Violation>> {
    let mut found = rows(db, OF_SPACE, Some(space))?;
    found.extend(foreign_hashes(db, space)?.into_iter().map(|text| (text, None)));
    found.truncate(MAX_VIOLATIONS);
    Ok(found.into_iter().map(|(text, row)| Violation { space: Some(space), text, row }).collect())
}

fn rows(db: &Connection, sql: &str, space: Option<SpaceId>) -> rusqlite::Result<Vec<(String, Option<Uuid>)>> {
    let mut select = db.prepare_cached(sql)?;
    let read = |row: &rusqlite::Row<'_>| {
        let id: Option<[u8; 16]> = row.get(1)?;
        Ok((row.get(0)?, id.map(Uuid::from_bytes)))
    };
    let found = match space {
        Some(space) => select.query_map(params![space.as_bytes()], read)?,
        None => select.query_map([], read)?,
    };
    found.take(MAX_VIOLATIONS).collect()
}

/// P6: membership entries whose hash is that of something else, which SQL cannot express.
fn foreign_hashes(db: &Connection, space: SpaceId) -> rusqlite::Result<Vec<String>> {
    let select = "SELECT chain_seq, entry_hash, payload FROM members WHERE space_id = ?1 ORDER BY chain_seq";
    let mut select = db.prepare_cached(select)?;
    let rows = select.query_map([space.as_bytes()], |row| {
        let (entry, hash): (i64, Vec<u8>) = (row.get(0)?, row.get(1)?);
        let is_right = Sha256::digest(row.get_ref(2)?.as_blob().unwrap_or_default())[..] == hash;
        Ok((!is_right).then(|| format!("P6: hash is not that of the payload: entry {entry}")))
    })?;
    rows.filter_map(Result::transpose).take(MAX_VIOLATIONS).collect()
}

//! Consistent copy of a database in a file, made while a server has the database open (operations §12).

use std::fs::File;
use std::path::Path;

use less_sync_core::{FileId, SpaceId};
use less_sync_disk::open_private;
use less_sync_storage::stored::size;
use less_sync_storage::{LiveObject, ObjectKey, ObjectName, SnapshotFile};
use rusqlite::{Connection, Row, params};

use crate::connection::{absolute, open_reader};
use crate::foreign_database::ForeignDatabase;
use crate::{OpenError, cursor_jump, migrate};

/// First schema version with files.
const FILES: i64 = 3;

/// Live files after a position. The empty blob is less than any id.
const SELECT: &str = "\
    SELECT space_id, id, size, object_key, sha256 FROM files
    WHERE deleted = 0 AND (space_id, id) > (?1, ?2) ORDER BY space_id, id LIMIT ?3";

/// A copy of a database.
#[derive(Debug)]
pub struct DatabaseCopy {
    db: Connection,
    version: i64,
    made_at: String,
}

impl DatabaseCopy {
    /// Copies the database at `path` into the file `into`, which must not exist. One read transaction: the copy is the
    /// database as of one moment, and the server goes on writing. Durable when this returns. On an error the file may
    /// be left incomplete.
    ///
    /// # Errors
    /// See [`OpenError`]; in particular a missing database, and one whose restore is not complete.
    pub fn make(path: &Path, into: &Path) -> Result<Self, OpenError> {
        let found = path.try_exists().map_err(|source| OpenError::Files { path: path.to_owned(), source })?;
        if !found {
            return Err(OpenError::Missing(path.to_owned()));
        }
        let source = ForeignDatabase::open(path)?;
        if migrate::require_known(&source)? == 0 {
            return Err(OpenError::Missing(path.to_owned()));
        }
        cursor_jump::require_complete(&source)?;
        let files = |source| OpenError::Files { path: into.to_owned(), source };
        open_private(into).map_err(files)?;
        source.execute("VACUUM INTO ?1", [absolute(into).to_string_lossy()])?;
        source.require_quiet()?;
        // SQLite does not synchronise this file.
        File::open(into).and_then(|file| file.sync_all()).map_err(files)?;
        let db = open_reader(into)?;
        let version = migrate::require_known(&db)?;
        let made_at = db.query_row("SELECT strftime('%Y-%m-%dT%H:%M:%SZ', 'now')", [], |row| row.get(0))?;
        Ok(Self { db, version, made_at })
    }

    /// Version of the schema.
    #[must_use]
    pub fn version(&self) -> i64 {
        self.version
    }

    /// Time of the copy, as RFC 3339 in UTC.
    #[must_use]
    pub fn made_at(&self) -> &str {
        &self.made_at
    }

    /// Live files in ascending order of (space, file), after a given one; at most `limit`.
    ///
    /// # Errors
    /// The copy cannot be read.
    pub fn files(
        &self,
        after: Option<(SpaceId, FileId)>,
        limit: usize,
    ) -> Result<Vec<SnapshotFile>, OpenError> {
        if self.version < FILES {
            return Ok(Vec::new());
        }
        let (space, file) = after.map_or((Vec::new(), Vec::new()), |(space, file)| {
            (space.as_bytes().to_vec(), file.as_bytes().to_vec())
        });
        let mut select = self.db.prepare_cached(SELECT)?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = select.query_map(params![space, file, limit], read)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<SnapshotFile> {
    let (space, file) = (SpaceId::from_bytes(row.get(0)?), FileId::from_bytes(row.get(1)?));
    let bytes: i64 = row.get(2)?;
    let size = size(bytes).map_err(|_corrupt| rusqlite::Error::IntegralValueOutOfRange(2, bytes))?;
    let name: Option<String> = row.get(3)?;
    let name = name.map_or_else(|| ObjectName::from(&ObjectKey::legacy(space, file)), ObjectName::from);
    Ok(SnapshotFile { object: LiveObject { name, space, file, size }, sha256: row.get(4)? })
}

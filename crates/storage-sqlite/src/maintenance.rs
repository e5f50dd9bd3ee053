//! Maintenance of a database that no server uses (operations §10.1).

use std::path::Path;

use less_sync_core::{FileId, SpaceId};
use less_sync_disk::DirectorySync;
use less_sync_storage::stored::size;
use less_sync_storage::{Compacted, LiveObject, ObjectKey, ObjectName, RewrapState};
use rusqlite::{Connection, OptionalExtension, Row, TransactionBehavior, params};

use crate::OpenError;
use crate::cursor_jump::open_existing;
use crate::database_file::DatabaseFile;

/// Live files with object keys of their own, after a position. The empty blob is less than any id.
const KEYED: &str = "\
    SELECT space_id, id, size, object_key FROM files
    WHERE deleted = 0 AND object_key IS NOT NULL AND (space_id, id) > (?1, ?2)
    ORDER BY space_id, id LIMIT ?3";

const REWRAP: &str = "\
    SELECT key_generation, min_key_generation, rewrap_epoch,
        (SELECT count(*) FROM records r WHERE r.space_id = s.id AND r.wrapped_dek IS NOT NULL
            AND hex(substr(r.wrapped_dek, 1, 4)) < printf('%08X', s.rewrap_epoch) AND s.rewrap_epoch IS NOT NULL),
        (SELECT count(*) FROM files f WHERE f.space_id = s.id AND f.deleted = 0
            AND hex(substr(f.wrapped_dek, 1, 4)) < printf('%08X', s.rewrap_epoch) AND s.rewrap_epoch IS NOT NULL)
    FROM spaces s WHERE s.id = ?1";

/// A database under its lock.
pub struct Maintenance {
    db: Connection,
    _file: DatabaseFile,
}

impl Maintenance {
    /// Opens the database at `path`, whose schema must be that of this build.
    ///
    /// # Errors
    /// See [`OpenError`]; in particular a missing database, and one that a server has open.
    pub fn open(path: &Path, directory_sync: &DirectorySync) -> Result<Self, OpenError> {
        let (db, file) = open_existing(path, directory_sync)?;
        Ok(Self { db, _file: file })
    }

    /// Live files whose objects have keys of their own, in ascending order of (space, file), after a given one; at most
    /// `limit`.
    ///
    /// # Errors
    /// Failures of the database only.
    pub fn keyed_files(
        &self,
        after: Option<(SpaceId, FileId)>,
        limit: usize,
    ) -> Result<Vec<LiveObject>, OpenError> {
        let (space, file) = after.map_or((Vec::new(), Vec::new()), |(space, file)| {
            (space.as_bytes().to_vec(), file.as_bytes().to_vec())
        });
        let mut select = self.db.prepare_cached(KEYED)?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        Ok(select.query_map(params![space, file, limit], live_object)?.collect::<Result<_, _>>()?)
    }

    /// Lets a file point to the object at the key that its ids give, which must be complete; the queue forgets that object.
    /// Returns false if the file has changed meanwhile.
    ///
    /// # Errors
    /// Failures of the database only.
    pub fn point_to_legacy_key(&mut self, file: &LiveObject) -> Result<bool, OpenError> {
        let transaction = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let update = "UPDATE files SET object_key = NULL
                      WHERE space_id = ?1 AND id = ?2 AND object_key = ?3 AND deleted = 0";
        let named = params![file.space.as_bytes(), file.file.as_bytes(), file.name.as_str()];
        let is_moved = transaction.execute(update, named)? == 1;
        if is_moved {
            let legacy = ObjectKey::legacy(file.space, file.file).to_string();
            let forget = "DELETE FROM blob_uploads WHERE space_id = ?1 AND object_key = ?2";
            transaction.execute(forget, params![file.space.as_bytes(), legacy])?;
        }
        transaction.commit()?;
        Ok(is_moved)
    }

    /// State of the rewrap of a space; `None` if there is no such space.
    ///
    /// # Errors
    /// Failures of the database only.
    pub fn rewrap_state(&self, space: SpaceId) -> Result<Option<RewrapState>, OpenError> {
        let read = |row: &Row<'_>| {
            Ok(RewrapState {
                key_generation: row.get(0)?,
                min_key_generation: row.get(1)?,
                rewrap_epoch: row.get(2)?,
                records: count(row, 3)?,
                files: count(row, 4)?,
            })
        };
        Ok(self.db.query_row(REWRAP, [space.as_bytes()], read).optional()?)
    }

    /// Ends the pending rewrap of a space whichever keys are left, and raises the minimum epoch to its own.
    ///
    /// # Errors
    /// Failures of the database only.
    pub fn clear_rewrap(&mut self, space: SpaceId) -> Result<(), OpenError> {
        let update = "UPDATE spaces SET min_key_generation = max(min_key_generation, rewrap_epoch),
                          rewrap_epoch = NULL, rewrap_since = NULL
                      WHERE id = ?1 AND rewrap_epoch IS NOT NULL";
        self.db.execute(update, [space.as_bytes()])?;
        Ok(())
    }

    /// Rebuilds the file without free pages, and empties the log. Needs about twice the size of the database.
    ///
    /// # Errors
    /// Failures of the database only, a full disk for one; nothing is lost then.
    pub fn compact(&mut self) -> Result<Compacted, OpenError> {
        let before = self.bytes()?;
        self.db.execute_batch("VACUUM; PRAGMA optimize; PRAGMA wal_checkpoint(TRUNCATE)")?;
        Ok(Compacted { before, after: self.bytes()? })
    }

    fn bytes(&self) -> Result<u64, OpenError> {
        let pages = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size";
        Ok(self.db.query_row(pages, [], |row| count(row, 0))?)
    }
}

impl std::fmt::Debug for Maintenance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Maintenance").finish_non_exhaustive()
    }
}

/// A number that is never negative.
fn count(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let number: i64 = row.get(column)?;
    u64::try_from(number).map_err(|_negative| rusqlite::Error::IntegralValueOutOfRange(column, number))
}

fn live_object(row: &Row<'_>) -> rusqlite::Result<LiveObject> {
    let (space, file) = (SpaceId::from_bytes(row.get(0)?), FileId::from_bytes(row.get(1)?));
    let bytes: i64 = row.get(2)?;
    let size = size(bytes).map_err(|_corrupt| rusqlite::Error::IntegralValueOutOfRange(2, bytes))?;
    let name: String = row.get(3)?;
    Ok(LiveObject { name: ObjectName::from(name), space, file, size })
}

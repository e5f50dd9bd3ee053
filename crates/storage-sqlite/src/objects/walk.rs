//! Walk over the live files in the order of their keys, in bounded steps.

use less_sync_core::{FileId, SpaceId};
use less_sync_storage::stored::size;
use less_sync_storage::{LiveObject, ObjectKey, ObjectName, StorageError};
use rusqlite::{Connection, Row, params};

use crate::error::{database, storage_error};

/// Rows that one step visits at least and at most, tombstones included.
const STEP_ROWS: std::ops::RangeInclusive<usize> = 500..=2000;

/// Files after a position. The empty blob, which is less than any id, starts from the beginning.
const SELECT: &str = "\
    SELECT space_id, id, size, object_key, deleted FROM files
    WHERE (space_id, id) > (?1, ?2) AND space_id <= ?3
    ORDER BY space_id, id LIMIT ?4";

/// Position of a walk.
#[derive(Debug)]
pub(crate) struct Walk {
    /// Space and file after which it continues; `None` after the last file.
    position: Option<(Vec<u8>, Vec<u8>)>,
    /// Last space of the walk.
    last: [u8; 16],
}

impl Walk {
    /// A walk over the files of a space, or of all, that come after a file.
    pub(crate) fn new(only: Option<SpaceId>, after: Option<(SpaceId, FileId)>) -> Self {
        let start = only.map_or((Vec::new(), Vec::new()), |space| (space.as_bytes().to_vec(), Vec::new()));
        let after = after.map(|(space, file)| (space.as_bytes().to_vec(), file.as_bytes().to_vec()));
        let position = Some(after.map_or(start.clone(), |after| after.max(start)));
        Self { position, last: only.map_or([0xff; 16], |space| *space.as_bytes()) }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.position.is_none()
    }

    /// Visits the next files, about as many as are `needed`; returns the live ones among them, and the walk that continues
    /// after them.
    pub(crate) fn step(
        mut self,
        db: &Connection,
        needed: usize,
    ) -> Result<(Self, Vec<LiveObject>), StorageError> {
        let Some((space, file)) = self.position.take() else { return Ok((self, Vec::new())) };
        let rows_read = needed.clamp(*STEP_ROWS.start(), *STEP_ROWS.end());
        let limit = i64::try_from(rows_read).map_err(database)?;
        let mut select = db.prepare_cached(SELECT).map_err(storage_error)?;
        let mut rows = select.query(params![space, file, self.last, limit]).map_err(storage_error)?;
        let (mut live, mut visited, mut at) = (Vec::new(), 0, None);
        while let Some(row) = rows.next().map_err(storage_error)? {
            let ids: ([u8; 16], [u8; 16]) = (row.get(0).map_err(database)?, row.get(1).map_err(database)?);
            if !row.get::<_, bool>(4).map_err(database)? {
                live.push(read(SpaceId::from_bytes(ids.0), FileId::from_bytes(ids.1), row)?);
            }
            visited += 1;
            at = Some(ids);
        }
        self.position =
            at.filter(|_| visited == rows_read).map(|(space, file)| (space.to_vec(), file.to_vec()));
        Ok((self, live))
    }
}

fn read(space: SpaceId, file: FileId, row: &Row<'_>) -> Result<LiveObject, StorageError> {
    let size = size(row.get(2).map_err(database)?)?;
    let name: Option<String> = row.get(3).map_err(database)?;
    let name = name.map_or_else(|| ObjectName::from(&ObjectKey::legacy(space, file)), ObjectName::from);
    Ok(LiveObject { name, space, file, size })
}

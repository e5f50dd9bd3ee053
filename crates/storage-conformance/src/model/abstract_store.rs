//! Reference model of the contract: plain maps, sharing no code with the adapters under test.

use std::collections::{BTreeMap, BTreeSet};

use less_sync_core::{Cursor, Epoch, RecordId, SpaceId};

use crate::fixture::{CLIENT, cursor, epoch};
use less_sync_storage::{
    Change, CursorAhead, InvalidPush, PullError, PullPosition, PullRejection, PullRequest, PullState,
    PushError, PushLimits, PushRejection, Pushed, Record, RecordState, Space, SpaceKind, SpaceRejection,
    SpacesError, StorageError,
};

#[derive(Default)]
pub(super) struct AbstractStore {
    spaces: BTreeMap<SpaceId, (Space, BTreeMap<RecordId, Record>)>,
}

impl AbstractStore {
    pub(super) fn has(&self, id: SpaceId) -> bool {
        self.spaces.contains_key(&id)
    }

    pub(super) fn space(&self, id: SpaceId) -> Option<Space> {
        self.spaces.get(&id).map(|(space, _)| space.clone())
    }

    /// A space that exists, to be changed.
    pub(super) fn parts(&mut self, id: SpaceId) -> (&mut Space, &mut BTreeMap<RecordId, Record>) {
        let (space, rows) = self.spaces.get_mut(&id).unwrap();
        (space, rows)
    }

    /// All records of a space, the dead ones included.
    pub(super) fn rows(&self, id: SpaceId) -> Vec<Record> {
        self.spaces.get(&id).into_iter().flat_map(|(_, rows)| rows.values().cloned()).collect()
    }

    pub(super) fn create_space(&mut self, id: SpaceId, kind: SpaceKind) -> Result<Space, SpacesError> {
        if self.has(id) {
            return Err(StorageError::Rejected(SpaceRejection::Exists));
        }
        Ok(self.insert(id, kind))
    }

    fn insert(&mut self, id: SpaceId, kind: SpaceKind) -> Space {
        let space = Space {
            id,
            client_id: CLIENT.as_str().to_owned(),
            kind,
            cursor: cursor(0),
            key_generation: epoch(1),
            min_key_generation: epoch(1),
            rewrap_epoch: None,
            home_server: None,
        };
        self.spaces.insert(id, (space.clone(), BTreeMap::new()));
        space
    }

    pub(super) fn personal_space(&mut self, id: SpaceId) -> Result<Space, StorageError> {
        match self.space(id) {
            None => Ok(self.insert(id, SpaceKind::Personal)),
            Some(space) if space.kind == SpaceKind::Personal => Ok(space),
            Some(_) => Err(StorageError::SpaceKindMismatch),
        }
    }

    /// Raises the minimum; the epochs that are stored then, when there is such a space.
    pub(super) fn set_epochs(&mut self, id: SpaceId, minimum: i32) -> Option<(Epoch, Epoch)> {
        let (space, _) = self.spaces.get_mut(&id)?;
        space.min_key_generation = space.min_key_generation.max(epoch(minimum));
        space.key_generation = epoch(space.min_key_generation.get() + 1);
        space.rewrap_epoch = Some(space.key_generation);
        Some((space.key_generation, space.min_key_generation))
    }

    /// Cursor of a record; zero if it does not exist.
    pub(super) fn cursor_of(&self, id: SpaceId, record: RecordId) -> Cursor {
        let row = self.spaces.get(&id).and_then(|(_, rows)| rows.get(&record));
        row.map_or(Cursor::ZERO, |row| row.cursor)
    }

    pub(super) fn push(
        &mut self,
        id: SpaceId,
        changes: &[Change],
        limits: PushLimits,
    ) -> Result<Result<Pushed, PushError>, InvalidPush> {
        within(changes, limits)?;
        Ok(self.apply(id, changes))
    }

    /// A push within its limits.
    pub(super) fn apply(&mut self, id: SpaceId, changes: &[Change]) -> Result<Pushed, PushError> {
        let at: Vec<Cursor> = changes.iter().map(|change| self.cursor_of(id, change.id)).collect();
        let (space, rows) = self.spaces.get_mut(&id).ok_or(StorageError::SpaceNotFound)?;
        if space.kind != SpaceKind::Personal && changes.iter().any(|change| is_stale(change, space)) {
            return Err(StorageError::Rejected(PushRejection::EpochStale));
        }
        let mismatches = changes.iter().zip(at).filter(|(change, at)| change.expected != *at);
        let records: Vec<RecordId> = mismatches.map(|(change, _)| change.id).collect();
        if !records.is_empty() {
            return Ok(Pushed::Conflict { cursor: space.cursor, records });
        }
        let prev = space.cursor;
        space.cursor = cursor(prev.get() + u64::from(!changes.is_empty()));
        for Change { id, state, .. } in changes.iter().cloned() {
            rows.insert(id, Record { id, cursor: space.cursor, state });
        }
        let Space { key_generation, rewrap_epoch, .. } = *space;
        let deleted_files = Vec::new();
        Ok(Pushed::Committed { prev, cursor: space.cursor, key_generation, rewrap_epoch, deleted_files })
    }

    pub(super) fn begin_pull(&self, id: SpaceId, request: PullRequest) -> Result<PullState, PullError> {
        let (space, _) = self.spaces.get(&id).ok_or(StorageError::SpaceNotFound)?;
        let (since, cursor) = (request.since, space.cursor);
        let ahead = since > cursor;
        if ahead && request.ahead == CursorAhead::Error {
            return Err(StorageError::Rejected(PullRejection::CursorAhead { since, cursor }));
        }
        Ok(PullState {
            prev: if ahead { Cursor::ZERO } else { since },
            cursor,
            key_generation: space.key_generation,
            rewrap_epoch: space.rewrap_epoch,
            tombstones: since != Cursor::ZERO,
        })
    }

    /// The rows that a pull has still to deliver after `from`, if nothing is written from now on.
    pub(super) fn remaining(&self, id: SpaceId, state: &PullState, from: PullPosition) -> Vec<Record> {
        let position = (from.cursor, if from.rank == 0 { from.id } else { [0xff; 16] });
        let rows = self.spaces.get(&id).into_iter().flat_map(|(_, rows)| rows.values());
        let mut rows: Vec<Record> = rows
            .filter(|row| (row.cursor, *row.id.as_bytes()) > position)
            .filter(|row| {
                state.tombstones || row.cursor > state.cursor || row.state != RecordState::Tombstone
            })
            .cloned()
            .collect();
        rows.sort_by_key(|row| (row.cursor, row.id));
        rows
    }

    pub(super) fn live(&self, id: SpaceId) -> BTreeMap<RecordId, RecordState> {
        let rows = self.spaces.get(&id).into_iter().flat_map(|(_, rows)| rows.values());
        rows.filter(|row| row.state != RecordState::Tombstone)
            .map(|row| (row.id, row.state.clone()))
            .collect()
    }
}

pub(super) fn within(changes: &[Change], limits: PushLimits) -> Result<(), InvalidPush> {
    if changes.len() > limits.records {
        return Err(InvalidPush::TooManyRecords);
    }
    let mut seen = BTreeSet::new();
    for change in changes {
        if !seen.insert(change.id) {
            return Err(InvalidPush::DuplicateRecordId(change.id));
        }
        if change.state.blob_bytes() > limits.blob {
            return Err(InvalidPush::BlobTooLarge);
        }
    }
    let bytes: usize = changes.iter().map(|change| change.state.blob_bytes()).sum();
    if bytes > limits.bytes { Err(InvalidPush::TooManyBytes) } else { Ok(()) }
}

fn is_stale(change: &Change, space: &Space) -> bool {
    match &change.state {
        RecordState::Live { dek: Some(dek), .. } => {
            i64::from(dek.epoch_prefix()) < i64::from(space.min_key_generation.get())
        }
        RecordState::Live { dek: None, .. } | RecordState::Tombstone => false,
    }
}

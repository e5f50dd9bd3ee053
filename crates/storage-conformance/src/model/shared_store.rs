//! Model of shared spaces on top of the abstract store.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use less_sync_core::{Cursor, Dek, FileId, RecordId, SpaceId};

use super::abstract_store::AbstractStore;
use super::object_store::ObjectStore;
use crate::fixture::{ROOT, epoch};
use crate::shared_fixture::{seq, sha256, version};
use less_sync_storage::{
    Advanced, Appended, Change, DekError, DekId, DekRejection, DeletedFile, EpochError, EpochKeyError,
    EpochKeyRejection, EpochRejection, FileEntry, FileState, MemberEntry, MembershipError,
    MembershipRejection, PushError, Pushed, Record, RecordState, Rewrap, RewrapGuard, Rewrapped, Row, Space,
    SpaceKind, StorageError, StoredDek,
};

/// The space that is opened with a chain.
pub(super) const SHARED: SpaceId = SpaceId::from_bytes([1; 16]);

/// The space that is opened without one.
pub(super) const PERSONAL: SpaceId = SpaceId::from_bytes([2; 16]);

/// Chains of the callers. The second is derived from the first; the last is never revoked.
pub(super) const CHAINS: [&[u8]; 3] = [&[10, 11], &[20, 21, 10, 11], &[30, 31]];

pub(super) struct SharedStore {
    base: AbstractStore,
    extras: BTreeMap<SpaceId, Extra>,
    pub(super) objects: ObjectStore,
}

/// Everything in a space but its records.
#[derive(Default)]
pub(super) struct Extra {
    pub(super) log: Vec<MemberEntry>,
    pub(super) files: BTreeMap<FileId, FileEntry>,
    pub(super) revoked: BTreeSet<u8>,
    pub(super) shares: BTreeMap<i32, Bytes>,
}

impl SharedStore {
    /// Two new spaces, and what they are like.
    pub(super) fn new() -> Self {
        let mut base = AbstractStore::default();
        base.create_space(SHARED, SpaceKind::Shared { root_public_key: ROOT }).unwrap();
        base.create_space(PERSONAL, SpaceKind::Personal).unwrap();
        let extras = [SHARED, PERSONAL].map(|space| (space, Extra::default())).into();
        Self { base, extras, objects: ObjectStore::default() }
    }

    pub(super) fn space(&self, id: SpaceId) -> Space {
        self.base.space(id).unwrap()
    }

    pub(super) fn extra(&self, id: SpaceId) -> &Extra {
        &self.extras[&id]
    }

    pub(super) fn extra_mut(&mut self, id: SpaceId) -> &mut Extra {
        self.extras.get_mut(&id).unwrap()
    }

    /// The row of a space, and its records.
    pub(super) fn parts(&mut self, id: SpaceId) -> (&mut Space, &mut BTreeMap<RecordId, Record>) {
        self.base.parts(id)
    }

    pub(super) fn cursor_of(&self, id: SpaceId, record: RecordId) -> Cursor {
        self.base.cursor_of(id, record)
    }

    /// Checks that no token of the chain is revoked.
    pub(super) fn admit<R>(&self, id: SpaceId, bearer: usize) -> Result<(), StorageError<R>> {
        let dead = CHAINS[bearer].iter().any(|cid| self.extra(id).revoked.contains(cid));
        if dead && id == SHARED { Err(StorageError::Revoked) } else { Ok(()) }
    }

    pub(super) fn revoke(&mut self, id: SpaceId, cid: u8) {
        self.extras.get_mut(&id).unwrap().revoked.insert(cid);
    }

    pub(super) fn push(&mut self, id: SpaceId, changes: &[Change]) -> Result<Pushed, PushError> {
        let pushed = self.base.apply(id, changes)?;
        let Pushed::Committed { prev, cursor, key_generation, rewrap_epoch, .. } = pushed else {
            return Ok(pushed);
        };
        let dead = |file: &FileEntry| {
            let owner = changes.iter().find(|change| change.id == file.record);
            owner.is_some_and(|change| change.state == RecordState::Tombstone)
                && file.state != FileState::Tombstone
        };
        let mut deleted_files = Vec::new();
        for file in self.extras.get_mut(&id).unwrap().files.values_mut().filter(|file| dead(file)) {
            (file.state, file.cursor) = (FileState::Tombstone, cursor);
            self.objects.tombstone(id, file.id);
            deleted_files.push(DeletedFile { id: file.id, record: file.record });
        }
        Ok(Pushed::Committed { prev, cursor, key_generation, rewrap_epoch, deleted_files })
    }

    pub(super) fn append(
        &mut self,
        id: SpaceId,
        expected_version: i32,
        prev_hash: Option<[u8; 32]>,
        payload: &Bytes,
    ) -> Result<Appended, MembershipError> {
        let (space, _) = self.base.parts(id);
        let log = &mut self.extras.get_mut(&id).unwrap().log;
        let length = i32::try_from(log.len()).unwrap();
        if expected_version != length {
            return Err(StorageError::Rejected(MembershipRejection::VersionConflict));
        }
        if log.last().map(|last| last.entry_hash) != prev_hash {
            return Err(StorageError::Rejected(MembershipRejection::HashChainBroken));
        }
        let prev = space.cursor;
        space.cursor = prev.next().unwrap();
        log.push(MemberEntry {
            chain_seq: seq(length + 1),
            cursor: space.cursor,
            prev_hash,
            entry_hash: sha256(payload),
            payload: payload.clone(),
        });
        Ok(Appended {
            chain_seq: seq(length + 1),
            prev,
            cursor: space.cursor,
            metadata_version: version(length + 1),
            key_generation: space.key_generation,
            rewrap_epoch: space.rewrap_epoch,
        })
    }

    pub(super) fn advance(&mut self, id: SpaceId, number: i32, raise_minimum: bool) -> Advanced {
        let (space, _) = self.base.parts(id);
        if number != space.key_generation.get() + 1 || space.rewrap_epoch.is_some() {
            let Space { key_generation, rewrap_epoch, .. } = *space;
            return Advanced::Conflict { key_generation, rewrap_epoch };
        }
        space.key_generation = epoch(number);
        space.rewrap_epoch = Some(epoch(number));
        if raise_minimum {
            space.min_key_generation = epoch(number);
        }
        Advanced::Begun(epoch(number))
    }

    pub(super) fn complete(&mut self, id: SpaceId, number: i32) -> Result<(), EpochError> {
        let Space { key_generation, rewrap_epoch, .. } = self.space(id);
        if rewrap_epoch.is_none() && key_generation.get() == number && number >= 2 {
            return Ok(());
        }
        if rewrap_epoch.is_none_or(|pending| pending.get() != number) {
            return Err(StorageError::Rejected(EpochRejection::Mismatch));
        }
        let is_old = |dek: &Dek| i64::from(dek.epoch_prefix()) < i64::from(number);
        let records = self.record_deks(id).iter().filter(|stored| is_old(&stored.dek)).count();
        let files = self.file_deks(id).iter().filter(|stored| is_old(&stored.dek)).count();
        let (space, _) = self.base.parts(id);
        space.min_key_generation = space.min_key_generation.max(epoch(number));
        if records + files > 0 {
            return Err(StorageError::Rejected(EpochRejection::RewrapIncomplete { records, files }));
        }
        space.rewrap_epoch = None;
        self.extras.get_mut(&id).unwrap().shares.retain(|epoch, _| *epoch > number - 2);
        Ok(())
    }

    /// The keys of live records, ascending (cursor, id).
    pub(super) fn record_deks(&self, id: SpaceId) -> Vec<StoredDek> {
        let keyed = self.base.rows(id).into_iter().filter_map(|row| match row.state {
            RecordState::Live { dek: Some(dek), .. } => {
                Some(StoredDek { id: row.id.into(), cursor: row.cursor, dek })
            }
            RecordState::Live { dek: None, .. } | RecordState::Tombstone => None,
        });
        let mut keyed: Vec<_> = keyed.collect();
        keyed.sort_by_key(|stored| (stored.cursor, stored.id));
        keyed
    }

    /// The keys of live files, ascending (cursor, id).
    pub(super) fn file_deks(&self, id: SpaceId) -> Vec<StoredDek> {
        let keyed = self.extra(id).files.values().filter_map(|file| match file.state {
            FileState::Live { dek, .. } => Some(StoredDek { id: file.id.into(), cursor: file.cursor, dek }),
            FileState::Tombstone => None,
        });
        let mut keyed: Vec<_> = keyed.collect();
        keyed.sort_by_key(|stored| (stored.cursor, stored.id));
        keyed
    }

    /// No entry is for a record that never was, and none for the same one twice.
    pub(super) fn rewrap(
        &mut self,
        id: SpaceId,
        entries: &[Rewrap],
        guard: RewrapGuard,
    ) -> Result<Rewrapped, DekError> {
        let current = i64::from(self.space(id).key_generation.get());
        if entries.iter().any(|entry| i64::from(entry.dek.epoch_prefix()) != current) {
            return Err(StorageError::Rejected(DekRejection::EpochMismatch));
        }
        let stored: BTreeMap<DekId, StoredDek> =
            self.record_deks(id).into_iter().map(|stored| (stored.id, stored)).collect();
        let is_outdated = |entry: &Rewrap| {
            let now = stored.get(&entry.id).map(|stored| &stored.dek.as_bytes()[..]);
            entry.observed.as_ref().is_some_and(|observed| now != Some(&observed[..]))
        };
        if entries.iter().any(is_outdated) {
            return Err(StorageError::Rejected(DekRejection::Replaced));
        }
        let RewrapGuard::Listed(bound) = guard else { panic!("{guard:?} is not part of histories") };
        let (_, rows) = self.base.parts(id);
        let mut replaced = 0;
        for entry in entries {
            let Some(stored) = stored.get(&entry.id) else { continue };
            if entry.observed.is_some() || stored.cursor <= bound {
                let state = &mut rows.get_mut(&entry.id.into()).unwrap().state;
                let RecordState::Live { dek, .. } = state else { panic!("{state:?} has a key") };
                *dek = Some(entry.dek);
                replaced += 1;
            }
        }
        Ok(Rewrapped { replaced, skipped: entries.len() - replaced })
    }

    /// All live files get this key.
    pub(super) fn rewrap_files(&mut self, id: SpaceId, new: Dek) {
        for file in self.extras.get_mut(&id).unwrap().files.values_mut() {
            if let FileState::Live { dek, .. } = &mut file.state {
                *dek = new;
            }
        }
    }

    pub(super) fn put_shares(&mut self, id: SpaceId, number: i32, key: Bytes) -> Result<(), EpochKeyError> {
        if number < 1 || number > self.space(id).key_generation.get() + 1 {
            return Err(StorageError::Rejected(EpochKeyRejection::InvalidEpoch));
        }
        self.extras.get_mut(&id).unwrap().shares.insert(number, key);
        Ok(())
    }

    /// Everything above `since`, in the order of a pull.
    pub(super) fn timeline(&self, id: SpaceId, since: Cursor) -> Vec<Row> {
        let Extra { log, files, .. } = self.extra(id);
        let records: Vec<Record> = self.base.rows(id);
        let records = records.into_iter().map(Row::Record);
        let members = log.iter().cloned().map(Row::Member);
        let files = files.values().cloned().map(Row::File);
        let is_dead = |row: &Row| match row {
            Row::Record(record) => record.state == RecordState::Tombstone,
            Row::File(file) => file.state == FileState::Tombstone,
            Row::Member(_) => false,
        };
        let mut rows: Vec<Row> = records
            .chain(members)
            .chain(files)
            .filter(|row| row.cursor() > since && (since > Cursor::ZERO || !is_dead(row)))
            .collect();
        rows.sort_by_key(|row| {
            let kind = match row {
                Row::Record(_) => 'a',
                Row::Member(_) => 'b',
                Row::File(_) => 'c',
            };
            (row.cursor(), kind, row.position().id)
        });
        rows
    }
}

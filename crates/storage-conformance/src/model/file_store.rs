//! Model of files on top of the abstract store.

use less_sync_core::{Cursor, Dek, FileId, RecordId, SpaceId};

use super::shared_store::{SHARED, SharedStore};
use crate::file_fixture::content;
use less_sync_storage::{
    Claim, Claimed, FileChange, FileCommit, FileEntry, FileError, FileRejection, FileState, RecordState,
    Space, StorageError, StoredFile, Upload,
};

impl SharedStore {
    pub(super) fn claim(&mut self, id: SpaceId, claim: &Claim) -> Result<Claimed, FileError> {
        let (space, rows) = self.parts(id);
        let is_stale = i64::from(claim.dek.epoch_prefix()) < i64::from(space.min_key_generation.get());
        if rows.get(&claim.record).is_none_or(|owner| owner.state == RecordState::Tombstone) {
            return Err(StorageError::Rejected(FileRejection::RecordNotFound));
        }
        match self.live_owner(id, claim.file) {
            Some(owner) if owner == claim.record => Ok(Claimed::Exists),
            Some(_) => Err(StorageError::Rejected(FileRejection::OwnedElsewhere)),
            None if is_stale && id == SHARED => Err(StorageError::Rejected(FileRejection::EpochStale)),
            None => Ok(Claimed::Free),
        }
    }

    fn live_owner(&self, id: SpaceId, file: FileId) -> Option<RecordId> {
        let entry = self.extra(id).files.get(&file)?;
        (entry.state != FileState::Tombstone).then_some(entry.record)
    }

    pub(super) fn commit_file(
        &mut self,
        id: SpaceId,
        upload: &Upload,
        claim: &Claim,
    ) -> Result<FileCommit, FileError> {
        if self.claim(id, claim)? == Claimed::Exists {
            return Ok(FileCommit::Exists);
        }
        if !self.objects.take(upload) {
            return Err(StorageError::Rejected(FileRejection::UploadLost));
        }
        self.objects.live.push(((id, claim.file), upload.clone()));
        let state = FileState::Live { size: content().size, dek: claim.dek };
        Ok(FileCommit::Created(self.change_file(id, claim.file, claim.record, state)))
    }

    pub(super) fn delete_file(&mut self, id: SpaceId, file: FileId) -> Option<FileChange> {
        let record = self.live_owner(id, file)?;
        self.objects.tombstone(id, file);
        Some(self.change_file(id, file, record, FileState::Tombstone))
    }

    fn change_file(&mut self, id: SpaceId, file: FileId, record: RecordId, state: FileState) -> FileChange {
        let (space, _) = self.parts(id);
        let (prev, cursor): (Cursor, Cursor) = (space.cursor, space.cursor.next().unwrap());
        space.cursor = cursor;
        let Space { key_generation, rewrap_epoch, .. } = *space;
        self.extra_mut(id).files.insert(file, FileEntry { id: file, record, cursor, state });
        FileChange { prev, cursor, key_generation, rewrap_epoch, record }
    }

    pub(super) fn file(&self, id: SpaceId, file: FileId) -> Result<StoredFile, FileError> {
        match self.extra(id).files.get(&file) {
            Some(FileEntry { record, cursor, state: FileState::Live { size, dek }, .. }) => {
                Ok(self.stored(id, file, (*record, *cursor, *size, *dek)))
            }
            Some(FileEntry { state: FileState::Tombstone, .. }) | None => {
                Err(StorageError::Rejected(FileRejection::FileNotFound))
            }
        }
    }

    fn stored(
        &self,
        id: SpaceId,
        file: FileId,
        (record, cursor, size, dek): (RecordId, Cursor, u64, Dek),
    ) -> StoredFile {
        let (_, upload) = self.objects.live.iter().find(|(live, _)| *live == (id, file)).unwrap();
        let sha256 = Some(content().sha256);
        StoredFile { record, cursor, size, dek, object: upload.object.clone(), sha256 }
    }
}

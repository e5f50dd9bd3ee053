//! Short words for what happens to files and their objects.

use std::time::Duration;

use less_sync_core::{Dek, FileId, RecordId, SpaceId};

use crate::Backend;
use crate::fixture::Fixture;
use crate::shared_fixture::sha256;
use less_sync_storage::{
    Claim, ClaimDue, Content, DueObject, FileChange, FileCommit, FileEntry, FileError, FileRejection,
    FileState, Files as _, Objects as _, StorageError, StoredFile, Upload,
};

/// Lifetime of upload attempts.
pub(crate) const LIFETIME: Duration = Duration::from_hours(1);

/// For how long a sweeper has what it claims.
pub(crate) const LEASE: Duration = Duration::from_mins(30);

/// A moment that matters to nothing.
pub(crate) const MOMENT: Duration = Duration::from_secs(10);

/// A span of time but for its last moment.
pub(crate) fn almost(span: Duration) -> Duration {
    span.checked_sub(MOMENT).unwrap()
}

/// Content of uploads. Longer than what 32 bits can count.
pub(crate) fn content() -> Content {
    Content { size: 1 << 33, sha256: sha256(b"content") }
}

pub(crate) fn claim(file: FileId, record: RecordId, dek: Dek) -> Claim {
    Claim { file, record, dek }
}

/// The change that must have been made.
pub(crate) fn created(committed: Result<FileCommit, FileError>) -> FileChange {
    match committed.unwrap() {
        FileCommit::Created(change) => change,
        FileCommit::Exists => panic!("the file is there already"),
    }
}

impl<B: Backend> Fixture<B> {
    pub(crate) async fn begin(&self, space: SpaceId, id: FileId) -> Upload {
        self.store.begin_upload(&self.grant(space), id, LIFETIME).await.unwrap()
    }

    pub(crate) async fn commit_upload(
        &self,
        space: SpaceId,
        upload: &Upload,
        claim: &Claim,
    ) -> Result<FileCommit, FileError> {
        self.store.commit_file(&self.grant(space), upload, claim, content()).await
    }

    /// A whole upload, which must succeed.
    pub(crate) async fn upload(&self, space: SpaceId, claim: &Claim) -> (Upload, FileChange) {
        let upload = self.begin(space, claim.file).await;
        let change = created(self.commit_upload(space, &upload, claim).await);
        (upload, change)
    }

    /// A live file of a live record, under the next cursor.
    pub(crate) async fn put_file(&self, space: SpaceId, id: FileId, record: RecordId, dek: Dek) -> FileEntry {
        let (_, change) = self.upload(space, &claim(id, record, dek)).await;
        let state = FileState::Live { size: content().size, dek };
        FileEntry { id, record, cursor: change.cursor, state }
    }

    /// A file that must be there.
    pub(crate) async fn file(&self, space: SpaceId, id: FileId) -> StoredFile {
        self.store.file(&self.grant(space), id).await.unwrap()
    }

    /// True if the file exists.
    pub(crate) async fn has_file(&self, space: SpaceId, id: FileId) -> bool {
        match self.store.file(&self.grant(space), id).await {
            Ok(_) => true,
            Err(StorageError::Rejected(FileRejection::FileNotFound)) => false,
            Err(other) => panic!("{other:?}"),
        }
    }

    /// Claims everything that is due to a sweeper with the shortest grace.
    pub(crate) async fn sweep(&self) -> Vec<DueObject> {
        self.sweep_with(Duration::ZERO).await
    }

    pub(crate) async fn sweep_with(&self, grace: Duration) -> Vec<DueObject> {
        self.store.claim_due_objects(ClaimDue { limit: 1000, lease: LEASE, grace }).await.unwrap()
    }

    /// The names of everything that is due.
    pub(crate) async fn due(&self) -> Vec<String> {
        self.sweep().await.into_iter().map(|object| object.name.to_string()).collect()
    }

    pub(crate) async fn pass(&self, by: Duration) {
        self.backend.let_time_pass(by).await;
    }
}

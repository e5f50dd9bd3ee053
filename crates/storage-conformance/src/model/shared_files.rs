//! Uploads, deletions and the sweeper in histories of shared spaces.

use std::time::Duration;

use less_sync_core::{FileId, SpaceId};

use super::history::record_id;
use super::object_store::{DELAY, SweepOutcome};
use super::runner::agree;
use super::shared::{SharedReplay, grant};
use super::shared_history::FILES;
use crate::Backend;
use crate::file_fixture::{LIFETIME, MOMENT, claim, content};
use crate::fixture::dek;
use crate::shared_fixture::file;
use less_sync_storage::{FileCommit, Files as _, ObjectKey, ObjectQueueState, Objects as _};

/// Index of the chain that is never revoked.
const OWNER: usize = 2;

impl<B: Backend> SharedReplay<B> {
    pub(super) async fn begin_upload(&mut self, space: SpaceId, bearer: usize, id: FileId) {
        let begun = self.fixture.store.begin_upload(&grant(space, bearer), id, LIFETIME).await;
        let upload = begun.as_ref().ok().cloned();
        agree(&begun.map(drop), &self.model.admit(space, bearer));
        if let Some(upload) = upload {
            self.model.objects.begin(space, &upload);
            self.uploads.push((space, upload));
        }
    }

    /// The end of one of the latest uploads, for its own file or, by mistake, for another one.
    pub(super) async fn commit_upload(&mut self, bearer: usize, nth: usize, record: u8, prefix: u32) {
        let Some(place) = self.uploads.len().checked_sub(nth + 1) else { return };
        let (space, upload) = self.uploads[place].clone();
        let claim = claim(upload.object.file(), record_id(record), dek(prefix, 1));
        let (look, write) = (grant(space, bearer), grant(space, bearer));
        let looked = self.fixture.store.claim_file(&look, &claim, content().size).await;
        let admitted = self.model.admit(space, bearer);
        agree(&looked, &admitted.and_then(|()| self.model.claim(space, &claim)));
        let committed = self.fixture.store.commit_file(&write, &upload, &claim, content()).await;
        let admitted = self.model.admit(space, bearer);
        agree(&committed, &admitted.and_then(|()| self.model.commit_file(space, &upload, &claim)));
        if matches!(committed, Ok(FileCommit::Created(_))) {
            self.known.push(self.uploads.remove(place).1.object);
        }
    }

    /// Of an upload that was not committed.
    pub(super) async fn abort_upload(&mut self, nth: usize) {
        let Some(place) = self.uploads.len().checked_sub(nth + 1) else { return };
        let (space, upload) = &self.uploads[place];
        self.fixture.store.abort_upload(upload).await.unwrap();
        self.model.objects.abort(*space, upload);
    }

    pub(super) async fn delete_file(&mut self, space: SpaceId, bearer: usize, id: FileId) {
        let deleted = self.fixture.store.delete_file(&grant(space, bearer), id).await;
        let admitted = self.model.admit(space, bearer);
        agree(&deleted, &admitted.map(|()| self.model.delete_file(space, id)));
    }

    pub(super) async fn sweep(&mut self, grace: Duration, outcome: SweepOutcome) {
        let mut claimed = Vec::new();
        for object in self.fixture.sweep_with(grace).await {
            match outcome {
                SweepOutcome::Removed => {
                    self.fixture.store.forget_object(object.space, object.entry).await.unwrap();
                }
                SweepOutcome::Postponed => {
                    self.fixture.store.postpone_object(object.space, object.entry, DELAY).await.unwrap();
                }
                SweepOutcome::Abandoned => {}
            }
            claimed.push((object.space, object.name.to_string(), object.attempts));
        }
        claimed.sort();
        assert_eq!(claimed, self.model.objects.sweep(grace, outcome));
    }

    pub(super) async fn let_time_pass(&mut self, by: Duration) {
        self.fixture.pass(by).await;
        self.model.objects.pass(by);
    }

    /// Every file of the space, as its owner sees it, every object that ever was, and the queue.
    pub(super) async fn look_at_files(&self, space: SpaceId) {
        for number in 0..FILES {
            let found = self.fixture.store.file(&grant(space, OWNER), file(number)).await;
            agree(&found, &self.model.file(space, file(number)));
        }
        let begun = self.uploads.iter().map(|(_, upload)| &upload.object);
        let keys: Vec<ObjectKey> = self.known.iter().chain(begun).cloned().collect();
        let uses = self.fixture.store.object_uses(&keys).await.unwrap();
        let expected = keys.iter().map(|key| self.model.objects.object_use(&key.to_string()));
        assert_eq!(uses, expected.collect::<Vec<_>>());
        let found = self.fixture.store.object_queue(LIFETIME).await.unwrap();
        assert_about(found, self.model.objects.state(LIFETIME));
    }
}

/// The model leaves out the time that the test itself takes.
fn assert_about(found: ObjectQueueState, expected: ObjectQueueState) {
    assert_eq!((found.uploads, found.pending_delete), (expected.uploads, expected.pending_delete));
    match (found.oldest_due, expected.oldest_due) {
        (None, None) => {}
        (Some(found), Some(expected)) if found.abs_diff(expected) < MOMENT * 3 => {}
        (found, expected) => panic!("due for {found:?} instead of {expected:?}"),
    }
}

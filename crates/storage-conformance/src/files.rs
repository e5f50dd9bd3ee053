//! Files from their upload to their deletion (storage §3.13, §4; newer-clients §7).

use std::time::Duration;

use less_sync_core::{Cursor, FileId, SpaceId};

use crate::file_fixture::{LIFETIME, MOMENT, almost, claim, content, created};
use crate::fixture::{Fixture, ROOT, cursor, dek, epoch, live, record, space, tombstone};
use crate::shared_fixture::{file, rewrap};
use crate::{Arrangement, Backend, PageLimits};
use less_sync_storage::{
    Claim, Claimed, Content, FileChange, FileCommit, FileEntry, FileError, FileRejection, FileState,
    Files as _, ObjectKey, ObjectName, Objects as _, RewrapGuard, Row, SpaceKind, Storage, StorageError,
    StoredFile, Upload, UploadId,
};

const NONE: Cursor = Cursor::ZERO;

/// A shared space with the live records 1 and 2, and 3, which is dead.
async fn fixture<B: Backend>() -> (Fixture<B>, SpaceId) {
    let fixture = Fixture::<B>::new().await;
    let space = fixture.shared(1).await;
    populate(&fixture, space).await;
    (fixture, space)
}

/// Two mutations.
async fn populate<B: Backend>(fixture: &Fixture<B>, space: SpaceId) {
    let at = fixture.commit(space, (1..=3).map(|n| live(record(n), NONE, b"a")).collect()).await;
    fixture.commit(space, vec![tombstone(record(3), at)]).await;
}

fn mine() -> Claim {
    claim(file(1), record(1), dek(1, 1))
}

/// Verdicts of the check before an upload and of its commit, which must agree.
async fn both<B: Backend>(fixture: &Fixture<B>, space: SpaceId, claim: &Claim) -> Result<Claimed, FileError> {
    let upload = fixture.begin(space, claim.file).await;
    let looked = fixture.store.claim_file(&fixture.grant(space), claim, content().size).await;
    let before = fixture.space(space).await;
    let committed = fixture.commit_upload(space, &upload, claim).await;
    let committed = committed.map(|done| match done {
        FileCommit::Exists => Claimed::Exists,
        FileCommit::Created(_) => Claimed::Free,
    });
    assert_eq!(format!("{looked:?}"), format!("{committed:?}"));
    if !matches!(committed, Ok(Claimed::Free)) {
        assert_eq!(fixture.space(space).await, before, "a rejected upload moved the space");
        assert_eq!(
            fixture.store.object_queue(Duration::ZERO).await.unwrap().uploads,
            1,
            "the attempt is lost"
        );
        fixture.store.abort_upload(&upload).await.unwrap();
        assert_eq!(fixture.due().await, [upload.object.to_string()]);
        fixture.store.forget_object(space, upload.id).await.unwrap();
    }
    committed
}

/// "file metadata roundtrip with cursor": the row says what was claimed and what was uploaded, the space has moved by one, and
/// the attempt is forgotten. P1.
pub async fn uploaded_file_can_be_read<B: Backend>() {
    let (fixture, space) = fixture::<B>().await;
    assert_eq!(
        fixture.store.claim_file(&fixture.grant(space), &mine(), content().size).await.unwrap(),
        Claimed::Free
    );
    let (upload, change) = fixture.upload(space, &mine()).await;
    let Claim { record, dek, .. } = mine();
    let (key_generation, rewrap_epoch) = (epoch(1), None);
    let expected = FileChange { prev: cursor(2), cursor: cursor(3), key_generation, rewrap_epoch, record };
    assert_eq!(change, expected);
    let Content { size, sha256 } = content();
    let stored =
        StoredFile { record, cursor: cursor(3), size, dek, object: upload.object, sha256: Some(sha256) };
    assert_eq!(fixture.file(space, file(1)).await, stored);
    let entry = FileEntry { id: file(1), record, cursor: cursor(3), state: FileState::Live { size, dek } };
    assert_eq!(fixture.timeline(space, cursor(2)).await, [Row::File(entry)]);
    assert_eq!(fixture.space(space).await.cursor, cursor(3));
    assert_eq!(
        fixture.store.object_queue(Duration::ZERO).await.unwrap(),
        less_sync_storage::ObjectQueueState::default()
    );
    fixture.end().await;
}

/// A change reports the epochs as they were under the lock.
pub async fn change_of_a_file_reports_the_epochs<B: Backend>() {
    let (fixture, space) = fixture::<B>().await;
    fixture.advance(space, 2).await;
    let (_, change) = fixture.upload(space, &mine()).await;
    assert_eq!((change.key_generation, change.rewrap_epoch), (epoch(2), Some(epoch(2))));
    let deleted = fixture.store.delete_file(&fixture.grant(space), file(1)).await.unwrap().unwrap();
    assert_eq!((deleted.key_generation, deleted.rewrap_epoch), (epoch(2), Some(epoch(2))));
    fixture.end().await;
}

/// "same file again: no cursor change": the first upload stays, for any content of the second one.
pub async fn second_upload_of_a_file_changes_nothing<B: Backend>() {
    let (fixture, space) = fixture::<B>().await;
    fixture.upload(space, &mine()).await;
    let stored = fixture.file(space, file(1)).await;
    let minimum = Arrangement::Epochs { key_generation: epoch(9), minimum: epoch(1), rewrap_pending: true };
    fixture.arrange(space, minimum).await;
    for dek in [dek(1, 1), dek(1, 2), dek(0, 3), dek(9, 4)] {
        let again = both(&fixture, space, &Claim { dek, ..mine() }).await;
        assert!(matches!(again, Ok(Claimed::Exists)), "{again:?}");
        assert_eq!(fixture.file(space, file(1)).await, stored);
    }
    fixture.end().await;
}

/// "file visible only in its space", "metadata of unknown file". P20.
pub async fn file_is_visible_in_its_space_only<B: Backend>() {
    let (fixture, here) = fixture::<B>().await;
    let elsewhere = fixture.personal(2).await;
    populate(&fixture, elsewhere).await;
    fixture.upload(here, &mine()).await;
    assert!(fixture.has_file(here, file(1)).await);
    assert!(!fixture.has_file(here, file(2)).await);
    assert!(!fixture.has_file(elsewhere, file(1)).await);
    assert_eq!(fixture.store.delete_file(&fixture.grant(elsewhere), file(1)).await.unwrap(), None);
    let other = claim(file(1), record(2), dek(1, 2));
    assert!(matches!(both(&fixture, elsewhere, &other).await, Ok(Claimed::Free)));
    assert_eq!(fixture.file(here, file(1)).await.record, record(1));
    assert_eq!(fixture.file(elsewhere, file(1)).await.record, record(2));
    fixture.end().await;
}

/// http §7.2, check 15: the owner is a live record of this space; one that is dead, or another space's, will not do. P8, S12,
/// S14.
pub async fn owner_must_be_a_live_record<B: Backend>() {
    let (fixture, space) = fixture::<B>().await;
    let elsewhere = fixture.personal(2).await;
    fixture.commit(elsewhere, vec![live(record(7), NONE, b"a")]).await;
    for owner in [3, 7, 8] {
        let rejected = both(&fixture, space, &claim(file(1), record(owner), dek(1, 1))).await;
        assert!(
            matches!(rejected, Err(StorageError::Rejected(FileRejection::RecordNotFound))),
            "{owner}: {rejected:?}"
        );
    }
    fixture.end().await;
}

/// http §7.2, check 16.
pub async fn file_of_another_record_is_left_alone<B: Backend>() {
    let (fixture, space) = fixture::<B>().await;
    fixture.upload(space, &mine()).await;
    let stored = fixture.file(space, file(1)).await;
    let rejected = both(&fixture, space, &claim(file(1), record(2), dek(1, 1))).await;
    assert!(matches!(rejected, Err(StorageError::Rejected(FileRejection::OwnedElsewhere))), "{rejected:?}");
    assert_eq!(fixture.file(space, file(1)).await, stored);
    fixture.end().await;
}

/// http §7.2, check 17: prefixes are compared without a sign, and in shared spaces only.
pub async fn old_key_is_rejected_in_shared_spaces_only<B: Backend>() {
    let (fixture, shared) = fixture::<B>().await;
    let personal = fixture.personal(2).await;
    populate(&fixture, personal).await;
    let epochs = Arrangement::Epochs { key_generation: epoch(6), minimum: epoch(5), rewrap_pending: true };
    for space in [shared, personal] {
        fixture.arrange(space, epochs.clone()).await;
    }
    for (number, prefix) in [(1, 0), (2, 4), (3, 5), (4, 6), (5, 7), (6, u32::MAX)] {
        let claim = claim(file(number), record(1), dek(prefix, 1));
        let outcome = both(&fixture, shared, &claim).await;
        if prefix < 5 {
            assert!(
                matches!(outcome, Err(StorageError::Rejected(FileRejection::EpochStale))),
                "{prefix}: {outcome:?}"
            );
        } else {
            assert!(matches!(outcome, Ok(Claimed::Free)), "{prefix}: {outcome:?}");
        }
        assert!(matches!(both(&fixture, personal, &claim).await, Ok(Claimed::Free)));
    }
    fixture.end().await;
}

/// The order of the checks: owner, file, key, attempt.
pub async fn first_failing_check_of_an_upload_decides<B: Backend>() {
    let (fixture, space) = fixture::<B>().await;
    fixture.upload(space, &mine()).await;
    let epochs = Arrangement::Epochs { key_generation: epoch(6), minimum: epoch(5), rewrap_pending: true };
    fixture.arrange(space, epochs).await;
    let upload = fixture.begin(space, file(1)).await;
    fixture.store.abort_upload(&upload).await.unwrap();
    let commit = async |claim: Claim| fixture.commit_upload(space, &upload, &claim).await;
    let dead = commit(claim(file(1), record(3), dek(1, 1))).await;
    assert!(matches!(dead, Err(StorageError::Rejected(FileRejection::RecordNotFound))), "{dead:?}");
    let foreign = commit(claim(file(1), record(2), dek(1, 1))).await;
    assert!(matches!(foreign, Err(StorageError::Rejected(FileRejection::OwnedElsewhere))), "{foreign:?}");
    assert_eq!(commit(mine()).await.unwrap(), FileCommit::Exists);
    fixture.store.delete_file(&fixture.grant(space), file(1)).await.unwrap().unwrap();
    let stale = commit(mine()).await;
    assert!(matches!(stale, Err(StorageError::Rejected(FileRejection::EpochStale))), "{stale:?}");
    let lost = commit(Claim { dek: dek(5, 1), ..mine() }).await;
    assert!(matches!(lost, Err(StorageError::Rejected(FileRejection::UploadLost))), "{lost:?}");
    fixture.end().await;
}

/// Upload attempts have distinct random ids and distinct keys.
pub async fn upload_attempts_have_distinct_objects<B: Backend>() {
    let (fixture, space) = fixture::<B>().await;
    let mut seen = std::collections::HashSet::new();
    for number in [1, 1, 1, 2] {
        let Upload { id, object } = fixture.begin(space, file(number)).await;
        assert_eq!(object, ObjectKey::attempt(space, file(number), id));
        assert_eq!((id.as_bytes()[6] >> 4, id.as_bytes()[8] >> 6), (4, 2), "no random id: {id}");
        assert!(seen.insert(id));
    }
    assert_eq!(fixture.store.object_queue(Duration::ZERO).await.unwrap().uploads, 4);
    assert_eq!(fixture.space(space).await.cursor, cursor(2));
    fixture.end().await;
}

/// An attempt ends with its lifetime, whether or not its object was removed by then.
pub async fn attempt_ends_with_its_lifetime<B: Backend>() {
    let (fixture, space) = fixture::<B>().await;
    let (early, late) = (fixture.begin(space, file(1)).await, fixture.begin(space, file(2)).await);
    fixture.pass(almost(LIFETIME)).await;
    created(fixture.commit_upload(space, &early, &mine()).await);
    fixture.pass(MOMENT).await;
    let rejected = fixture.commit_upload(space, &late, &claim(file(2), record(1), dek(1, 1))).await;
    assert!(matches!(rejected, Err(StorageError::Rejected(FileRejection::UploadLost))), "{rejected:?}");
    assert!(!fixture.has_file(space, file(2)).await);
    assert_eq!(fixture.space(space).await.cursor, cursor(3));
    assert_eq!(fixture.due().await, [late.object.to_string()]);
    fixture.end().await;
}

/// An attempt is good for one commit of one file of one space.
pub async fn attempt_can_be_committed_once<B: Backend>() {
    let (fixture, space) = fixture::<B>().await;
    let elsewhere = fixture.personal(2).await;
    populate(&fixture, elsewhere).await;
    let (used, _) = fixture.upload(space, &mine()).await;
    fixture.store.delete_file(&fixture.grant(space), file(1)).await.unwrap().unwrap();
    let other = fixture.begin(space, file(2)).await;
    let unknown = UploadId::from_bytes([9; 16]);
    let unknown = Upload { id: unknown, object: ObjectKey::attempt(space, file(1), unknown) };
    let moved = Upload { object: ObjectKey::attempt(space, file(1), other.id), ..other.clone() };
    let before = fixture.space(space).await;
    for upload in [&used, &other, &unknown, &moved] {
        for space in [space, elsewhere] {
            let lost = fixture.commit_upload(space, upload, &mine()).await;
            assert!(
                matches!(lost, Err(StorageError::Rejected(FileRejection::UploadLost))),
                "{upload:?}: {lost:?}"
            );
        }
    }
    assert_eq!(fixture.space(space).await, before);
    created(fixture.commit_upload(space, &other, &claim(file(2), record(1), dek(1, 1))).await);
    fixture.end().await;
}

/// A deleted file is a tombstone at the next cursor, without a key; its object is to be removed. What is deleted already, or
/// never was, is left alone. P5, P7.
pub async fn deleted_file_is_a_tombstone<B: Backend>() {
    let (fixture, space) = fixture::<B>().await;
    let (upload, _) = fixture.upload(space, &mine()).await;
    let staying = fixture.put_file(space, file(2), record(1), dek(1, 2)).await;
    let deleted = fixture.store.delete_file(&fixture.grant(space), file(1)).await.unwrap().unwrap();
    assert_eq!((deleted.prev, deleted.cursor, deleted.record), (cursor(4), cursor(5), record(1)));
    let state = FileState::Tombstone;
    let gone = FileEntry { id: file(1), record: record(1), cursor: cursor(5), state };
    assert_eq!(fixture.timeline(space, cursor(2)).await, [Row::File(staying), Row::File(gone)]);
    assert!(!fixture.has_file(space, file(1)).await);
    assert_eq!(fixture.file_deks(space, NONE).await.len(), 1);
    let pending_delete = [(file(1), upload.object.to_string())];
    assert_eq!(fixture.backend.pending_deletions(space).await, pending_delete);
    for id in [file(1), file(3)] {
        assert_eq!(fixture.store.delete_file(&fixture.grant(space), id).await.unwrap(), None);
    }
    assert_eq!(fixture.space(space).await.cursor, cursor(5));
    assert_eq!(fixture.backend.pending_deletions(space).await, pending_delete);
    fixture.end().await;
}

/// newer-clients §7: an upload revives a deleted file with everything anew, for whatever record; the object that it had stays
/// in the queue.
pub async fn upload_revives_a_deleted_file<B: Backend>() {
    let (fixture, space) = fixture::<B>().await;
    let (old, _) = fixture.upload(space, &mine()).await;
    fixture.store.delete_file(&fixture.grant(space), file(1)).await.unwrap().unwrap();
    let anew = claim(file(1), record(2), dek(1, 9));
    assert_eq!(
        fixture.store.claim_file(&fixture.grant(space), &anew, content().size).await.unwrap(),
        Claimed::Free
    );
    let upload = fixture.begin(space, file(1)).await;
    let content = Content { size: 3, sha256: [7; 32] };
    let revived = fixture.store.commit_file(&fixture.grant(space), &upload, &anew, content).await;
    let change = created(revived);
    assert_eq!((change.prev, change.cursor, change.record), (cursor(4), cursor(5), record(2)));
    let stored = StoredFile {
        record: record(2),
        cursor: cursor(5),
        size: 3,
        dek: dek(1, 9),
        object: upload.object.clone(),
        sha256: Some([7; 32]),
    };
    assert_eq!(fixture.file(space, file(1)).await, stored);
    assert_eq!(fixture.backend.pending_deletions(space).await, [(file(1), old.object.to_string())]);
    let mine = both(&fixture, space, &mine()).await;
    assert!(matches!(mine, Err(StorageError::Rejected(FileRejection::OwnedElsewhere))), "{mine:?}");
    fixture.store.delete_file(&fixture.grant(space), file(1)).await.unwrap().unwrap();
    fixture.pass(less_sync_storage::OBJECT_GRACE).await;
    let mut removed = [old, upload].map(|upload| upload.object.to_string());
    let mut due = fixture.due().await;
    removed.sort_unstable();
    due.sort_unstable();
    assert_eq!(due, removed);
    fixture.end().await;
}

/// A file that died with its record can be uploaded anew: for a record that lives, or for the same one once it lives again.
pub async fn file_of_a_deleted_record_can_be_revived<B: Backend>() {
    let (fixture, space) = fixture::<B>().await;
    fixture.upload(space, &mine()).await;
    fixture.upload(space, &claim(file(2), record(1), dek(1, 1))).await;
    let died = fixture.commit(space, vec![tombstone(record(1), cursor(1))]).await;
    let rejected = both(&fixture, space, &mine()).await;
    assert!(matches!(rejected, Err(StorageError::Rejected(FileRejection::RecordNotFound))), "{rejected:?}");
    fixture.upload(space, &claim(file(2), record(2), dek(1, 1))).await;
    fixture.commit(space, vec![live(record(1), died, b"again")]).await;
    assert!(!fixture.has_file(space, file(1)).await);
    fixture.upload(space, &mine()).await;
    assert_eq!(fixture.file(space, file(1)).await.record, record(1));
    assert_eq!(fixture.backend.pending_deletions(space).await.len(), 2);
    fixture.end().await;
}

/// Neither an upload nor a deletion goes beyond the last cursor, and the attempt is still there.
pub async fn file_change_after_the_last_cursor_is_rejected<B: Backend>() {
    let (fixture, space) = fixture::<B>().await;
    fixture.upload(space, &mine()).await;
    fixture.arrange(space, Arrangement::Cursor(cursor(Cursor::MAX.get() - 1))).await;
    let (last, beyond) = (claim(file(2), record(1), dek(1, 1)), claim(file(3), record(1), dek(1, 1)));
    assert_eq!(fixture.upload(space, &last).await.1.cursor, Cursor::MAX);
    let upload = fixture.begin(space, file(3)).await;
    let rejected = fixture.commit_upload(space, &upload, &beyond).await;
    assert!(matches!(rejected, Err(StorageError::Rejected(FileRejection::CursorExhausted))), "{rejected:?}");
    let rejected = fixture.store.delete_file(&fixture.grant(space), file(1)).await;
    assert!(matches!(rejected, Err(StorageError::Rejected(FileRejection::CursorExhausted))), "{rejected:?}");
    assert!(fixture.has_file(space, file(1)).await);
    assert_eq!(fixture.store.delete_file(&fixture.grant(space), file(3)).await.unwrap(), None);
    assert_eq!(fixture.store.object_queue(Duration::ZERO).await.unwrap().uploads, 1);
    fixture.end().await;
}

/// An aborted attempt is due at once; a repeat changes nothing, and an unknown attempt is queued again.
pub async fn aborted_attempt_is_due_at_once<B: Backend>() {
    let (fixture, space) = fixture::<B>().await;
    let upload = fixture.begin(space, file(1)).await;
    assert_eq!(fixture.due().await, [""; 0]);
    for _ in 0..2 {
        fixture.store.abort_upload(&upload).await.unwrap();
    }
    assert_eq!(fixture.sweep_with(LIFETIME * 100).await.len(), 1);
    fixture.store.abort_upload(&upload).await.unwrap();
    assert_eq!(fixture.due().await, [""; 0], "somebody is removing it");
    fixture.store.forget_object(space, upload.id).await.unwrap();
    fixture.store.abort_upload(&upload).await.unwrap();
    let due = fixture.sweep().await;
    assert_eq!((due.len(), &due[0].name, due[0].entry), (1, &ObjectName::from(&upload.object), upload.id));
    let lost = fixture.commit_upload(space, &upload, &mine()).await;
    assert!(matches!(lost, Err(StorageError::Rejected(FileRejection::UploadLost))), "{lost:?}");
    fixture.end().await;
}

/// An attempt of a space that is gone, or never was, can be ended like any other.
pub async fn attempt_outlives_its_space<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let id = UploadId::from_bytes([5; 16]);
    let upload = Upload { id, object: ObjectKey::attempt(space(7), file(1), id) };
    fixture.store.abort_upload(&upload).await.unwrap();
    assert_eq!(fixture.due().await, [upload.object.to_string()]);
    fixture.end().await;
}

/// The object of a live file stays, even if its attempt is aborted. P21.
pub async fn abort_spares_the_object_of_a_live_file<B: Backend>() {
    let (fixture, space) = fixture::<B>().await;
    let (upload, _) = fixture.upload(space, &mine()).await;
    fixture.store.abort_upload(&upload).await.unwrap();
    fixture.pass(LIFETIME * 100).await;
    assert_eq!(fixture.due().await, [""; 0]);
    assert_eq!(fixture.file(space, file(1)).await.object, upload.object);
    fixture.end().await;
}

/// A file of the original has no key of its own and no hash. It is found, deleted and revived like others.
pub async fn file_of_the_original_server_has_its_legacy_object_key<B: Backend>() {
    let (fixture, space) = fixture::<B>().await;
    fixture.upload(space, &mine()).await;
    fixture.arrange(space, Arrangement::Object { file: file(1), key: None }).await;
    let (legacy, stored) = (ObjectKey::legacy(space, file(1)), fixture.file(space, file(1)).await);
    assert_eq!((&stored.object, stored.sha256), (&legacy, None));
    fixture.store.delete_file(&fixture.grant(space), file(1)).await.unwrap().unwrap();
    assert_eq!(fixture.backend.pending_deletions(space).await, [(file(1), legacy.to_string())]);
    let (upload, _) = fixture.upload(space, &mine()).await;
    let stored = fixture.file(space, file(1)).await;
    assert_eq!((stored.object, stored.sha256), (upload.object, Some(content().sha256)));
    assert_eq!(fixture.backend.pending_deletions(space).await, [(file(1), legacy.to_string())]);
    fixture.end().await;
}

/// P23: sizes, hashes and keys, after a restart.
pub async fn metadata_of_files_is_stored_unchanged<B: Backend>() {
    let (mut fixture, space) = fixture::<B>().await;
    let mut expected = Vec::new();
    for (byte, size) in [(0, 0), (1, 1), (0x7f, u64::from(u32::MAX) + 1), (0xff, 1 << 60)] {
        let (id, content) = (FileId::from_bytes([byte; 16]), Content { size, sha256: [byte; 32] });
        let (upload, claim) = (fixture.begin(space, id).await, claim(id, record(1), dek(1, byte)));
        let change =
            created(fixture.store.commit_file(&fixture.grant(space), &upload, &claim, content).await);
        let (cursor, sha256) = (change.cursor, Some(content.sha256));
        let stored =
            StoredFile { record: record(1), cursor, size, dek: claim.dek, object: upload.object, sha256 };
        expected.push((id, stored));
    }
    fixture.reopen(PageLimits::default()).await;
    for (id, stored) in expected {
        assert_eq!(fixture.file(space, id).await, stored);
    }
    fixture.end().await;
}

/// A rewrap changes the key of a file, and nothing else of it.
pub async fn rewrapped_key_is_the_key_of_the_file<B: Backend>() {
    let (fixture, space) = fixture::<B>().await;
    fixture.upload(space, &mine()).await;
    let before = fixture.file(space, file(1)).await;
    let entries = vec![rewrap(file(1), 1, 8)];
    fixture.rewrap_files(space, entries, RewrapGuard::Off).await.unwrap();
    assert_eq!(fixture.file(space, file(1)).await, StoredFile { dek: dek(1, 8), ..before });
    fixture.end().await;
}

/// "operations through the umbrella trait object", those of files.
pub async fn files_work_through_the_trait_object<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let store: &dyn Storage = &*fixture.store;
    let id = space(1);
    store
        .create_space(id, &"conformance".parse().unwrap(), SpaceKind::Shared { root_public_key: ROOT }, None)
        .await
        .unwrap();
    fixture.is_shared(id);
    fixture.commit(id, vec![live(record(1), NONE, b"a")]).await;
    assert_eq!(store.claim_file(&fixture.grant(id), &mine(), content().size).await.unwrap(), Claimed::Free);
    let upload = store.begin_upload(&fixture.grant(id), file(1), LIFETIME).await.unwrap();
    created(store.commit_file(&fixture.grant(id), &upload, &mine(), content()).await);
    assert_eq!(store.file(&fixture.grant(id), file(1)).await.unwrap().object, upload.object);
    assert_eq!(store.live_objects(None, None, 10).await.unwrap().len(), 1);
    store.delete_file(&fixture.grant(id), file(1)).await.unwrap().unwrap();
    assert_eq!(store.object_queue(Duration::ZERO).await.unwrap().pending_delete, 1);
    fixture.end().await;
}

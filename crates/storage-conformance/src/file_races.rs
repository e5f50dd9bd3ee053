//! Races around files: uploads, deletions and the sweeper at once, round after round (storage §6, R4 to R7).

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use less_sync_core::Cursor;

use crate::Backend;
use crate::file_fixture::{LEASE, LIFETIME, claim};
use crate::fixture::{Fixture, WIDE, dek, live, record, tombstone};
use crate::races::{ROUNDS, together};
use crate::shared_fixture::file;
use less_sync_storage::{
    ClaimDue, Content, DeletedFile, FileCommit, FileRejection, Files as _, OBJECT_GRACE, ObjectUse,
    Objects as _, Push, Pushed, Records as _, StorageError,
};

const NONE: Cursor = Cursor::ZERO;

const CLAIM: ClaimDue = ClaimDue { limit: 1000, lease: LEASE, grace: Duration::ZERO };

fn content(caller: u64) -> Content {
    Content { size: caller, sha256: [u8::try_from(caller).unwrap(); 32] }
}

/// storage R4: a record dies while a file is committed for it. The file dies with it or is rejected; it never lives on
/// a dead record.
/// P8.
pub async fn upload_racing_the_deletion_of_its_record_is_deleted_or_rejected<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let space = fixture.shared(1).await;
    for round in 0..ROUNDS {
        let (id, owner) = (file(round), record(round));
        let at = fixture.commit(space, vec![live(owner, NONE, b"a")]).await;
        let upload = fixture.begin(space, id).await;
        let outcomes = together(2, |caller| {
            let (store, write, upload) = (Arc::clone(&fixture.store), fixture.grant(space), upload.clone());
            async move {
                if caller == 0 {
                    let claim = claim(id, owner, dek(1, 1));
                    return store.commit_file(&write, &upload, &claim, content(1)).await.map(|_| Vec::new());
                }
                let push = Push::new([tombstone(owner, at)], None, WIDE).unwrap();
                match store.push(&write, push).await.unwrap() {
                    Pushed::Committed { deleted_files, .. } => Ok(deleted_files),
                    conflict @ Pushed::Conflict { .. } => panic!("round {round}: {conflict:?}"),
                }
            }
        })
        .await;
        assert!(!fixture.has_file(space, id).await, "round {round}");
        match &outcomes[..] {
            [Ok(_), Ok(deleted)] => {
                assert_eq!(*deleted, [DeletedFile { id, record: owner }], "round {round}");
            }
            [Err(StorageError::Rejected(FileRejection::RecordNotFound)), Ok(deleted)] => {
                assert_eq!(*deleted, [], "round {round}");
            }
            other => panic!("round {round}: {other:?}"),
        }
        let expected = [ObjectUse::Queued];
        assert_eq!(fixture.store.object_uses(&[upload.object]).await.unwrap(), expected, "round {round}");
    }
    fixture.end().await;
}

/// R5: uploads of one file at once, with different bytes. One stays, with its own bytes and its own object; the others
/// are to be removed.
pub async fn one_of_many_uploads_of_a_file_stays<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let space = fixture.shared(1).await;
    fixture.commit(space, vec![live(record(1), NONE, b"a")]).await;
    for round in 0..ROUNDS {
        let id = file(round);
        let before = fixture.space(space).await.cursor;
        let committed = together(4, |caller| {
            let (store, write) = (Arc::clone(&fixture.store), fixture.grant(space));
            async move {
                let upload = store.begin_upload(&write, id, LIFETIME).await.unwrap();
                let claim = claim(id, record(1), dek(1, u8::try_from(caller).unwrap()));
                let committed = store.commit_file(&write, &upload, &claim, content(caller)).await.unwrap();
                if committed == FileCommit::Exists {
                    store.abort_upload(&upload).await.unwrap();
                }
                (upload, committed)
            }
        })
        .await;
        let won: Vec<_> =
            (0..).zip(&committed).filter(|(_, (_, done))| *done != FileCommit::Exists).collect();
        let [(winner, (upload, _))] = &won[..] else { panic!("round {round}: {committed:?}") };
        let stored = fixture.file(space, id).await;
        assert_eq!((&stored.object, stored.size), (&upload.object, *winner), "round {round}");
        assert_eq!(stored.sha256, Some(content(*winner).sha256));
        assert_eq!(stored.dek, dek(1, u8::try_from(*winner).unwrap()));
        assert_eq!(Some(fixture.space(space).await.cursor), before.next());
        let lost = committed.iter().filter(|(_, done)| *done == FileCommit::Exists);
        let lost: BTreeSet<String> = lost.map(|(upload, _)| upload.object.to_string()).collect();
        assert_eq!(fixture.due().await.into_iter().collect::<BTreeSet<_>>(), lost, "round {round}");
    }
    fixture.end().await;
}

/// R7: an attempt is claimed for removal while it is committed. Either the file is there and its object is kept, or the
/// upload is lost and its object goes; whether its lifetime ends before, during or after the commit.
pub async fn late_commit_fails_or_keeps_its_object<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let space = fixture.shared(1).await;
    fixture.commit(space, vec![live(record(1), NONE, b"a")]).await;
    for round in 0..ROUNDS {
        let id = file(round);
        let lifetime = Duration::from_micros(round % 50 * 200);
        let upload = fixture.store.begin_upload(&fixture.grant(space), id, lifetime).await.unwrap();
        let outcomes = together(3, |caller| {
            let (store, write, upload) = (Arc::clone(&fixture.store), fixture.grant(space), upload.clone());
            async move {
                if caller == 0 {
                    let claim = claim(id, record(1), dek(1, 1));
                    return Err(store.commit_file(&write, &upload, &claim, content(1)).await);
                }
                Ok(store.claim_due_objects(CLAIM).await.unwrap())
            }
        })
        .await;
        let mut removed: Vec<String> =
            outcomes.iter().flatten().flatten().map(|object| object.name.to_string()).collect();
        let key = upload.object.to_string();
        match &outcomes[0] {
            Err(Ok(FileCommit::Created(_))) => {
                assert_eq!(fixture.file(space, id).await.object, upload.object, "round {round}");
                fixture.pass(LEASE).await;
                removed.extend(fixture.due().await);
                assert!(!removed.contains(&key), "round {round}: the object of a live file was removed");
            }
            Err(Err(StorageError::Rejected(FileRejection::UploadLost))) => {
                assert!(!fixture.has_file(space, id).await, "round {round}");
                removed.extend(fixture.due().await);
                assert_eq!(removed, [key], "round {round}");
                fixture.store.forget_object(space, upload.id).await.unwrap();
            }
            other => panic!("round {round}: {other:?}"),
        }
    }
    fixture.end().await;
}

/// An attempt is aborted while it is committed, against the contract. Either there is a file and its object stays, or the
/// upload is lost and its object goes. P21.
pub async fn abort_and_commit_never_both_succeed<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let space = fixture.shared(1).await;
    fixture.commit(space, vec![live(record(1), NONE, b"a")]).await;
    for round in 0..ROUNDS {
        let id = file(round);
        let upload = fixture.begin(space, id).await;
        let committed = together(2, |caller| {
            let (store, write, upload) = (Arc::clone(&fixture.store), fixture.grant(space), upload.clone());
            async move {
                if caller == 0 {
                    let claim = claim(id, record(1), dek(1, 1));
                    return Some(store.commit_file(&write, &upload, &claim, content(1)).await);
                }
                store.abort_upload(&upload).await.unwrap();
                None
            }
        })
        .await;
        let (due, key) = (fixture.due().await, upload.object.to_string());
        match &committed[0] {
            Some(Ok(FileCommit::Created(_))) => {
                assert_eq!(
                    (fixture.file(space, id).await.object, due),
                    (upload.object, vec![]),
                    "round {round}"
                );
            }
            Some(Err(StorageError::Rejected(FileRejection::UploadLost))) => {
                assert_eq!((fixture.has_file(space, id).await, due), (false, vec![key]), "round {round}");
            }
            other => panic!("round {round}: {other:?}"),
        }
    }
    fixture.end().await;
}

/// Several sweepers divide the queue among them: each object is claimed by one.
pub async fn sweepers_never_claim_the_same_object<B: Backend>() {
    const OBJECTS: u64 = 6;
    let fixture = Fixture::<B>::new().await;
    let space = fixture.shared(1).await;
    for round in 0..ROUNDS {
        let mut expected = BTreeSet::new();
        for number in 0..OBJECTS {
            let upload = fixture.begin(space, file(number)).await;
            fixture.store.abort_upload(&upload).await.unwrap();
            expected.insert(upload.object.to_string());
        }
        let claimed = together(4, |_| {
            let store = Arc::clone(&fixture.store);
            async move {
                let mut mine = Vec::new();
                for _ in 0..OBJECTS {
                    let claim = ClaimDue { limit: 2, ..CLAIM };
                    for object in store.claim_due_objects(claim).await.unwrap() {
                        store.forget_object(object.space, object.entry).await.unwrap();
                        mine.push(object.name.to_string());
                    }
                }
                mine
            }
        })
        .await;
        let all: Vec<String> = claimed.into_iter().flatten().collect();
        assert_eq!(all.len(), expected.len(), "round {round}: {all:?}");
        assert_eq!(all.into_iter().collect::<BTreeSet<_>>(), expected, "round {round}");
    }
    fixture.end().await;
}

/// Deletions race with new uploads of one file: the cursor moves once per acknowledged change, and every object except
/// that of the file is pending deletion. P1, P21.
pub async fn deletions_and_revivals_are_serialized<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let space = fixture.shared(1).await;
    fixture.commit(space, vec![live(record(1), NONE, b"a")]).await;
    let id = file(1);
    for round in 0..ROUNDS {
        let before = fixture.space(space).await.cursor.get();
        let outcomes = together(4, |caller| {
            let (store, write) = (Arc::clone(&fixture.store), fixture.grant(space));
            async move {
                if caller < 2 {
                    return (None, store.delete_file(&write, id).await.unwrap());
                }
                let upload = store.begin_upload(&write, id, LIFETIME).await.unwrap();
                let claim = claim(id, record(1), dek(1, 1));
                match store.commit_file(&write, &upload, &claim, content(caller)).await.unwrap() {
                    FileCommit::Created(change) => (Some(upload), Some(change)),
                    FileCommit::Exists => {
                        store.abort_upload(&upload).await.unwrap();
                        (Some(upload), None)
                    }
                }
            }
        })
        .await;
        let mut cursors: Vec<u64> =
            outcomes.iter().filter_map(|(_, change)| change.map(|change| change.cursor.get())).collect();
        cursors.sort_unstable();
        let after = fixture.space(space).await.cursor.get();
        assert_eq!(cursors, (before + 1..=after).collect::<Vec<_>>(), "round {round}");
        let live = fixture.store.live_objects(None, None, 10).await.unwrap();
        let live: Vec<String> = live.into_iter().map(|object| object.name.to_string()).collect();
        let keys: Vec<_> = outcomes.into_iter().filter_map(|(upload, _)| Some(upload?.object)).collect();
        for (key, is) in keys.iter().zip(fixture.store.object_uses(&keys).await.unwrap()) {
            assert_eq!(
                matches!(is, ObjectUse::Live { .. }),
                live.contains(&key.to_string()),
                "round {round}"
            );
            assert_ne!(is, ObjectUse::Orphan, "round {round}");
        }
        fixture.pass(OBJECT_GRACE).await;
        for object in fixture.sweep().await {
            fixture.store.forget_object(object.space, object.entry).await.unwrap();
        }
    }
    fixture.end().await;
}

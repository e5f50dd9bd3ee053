//! Rows read by the statements of files and their objects, on tables of a hundred thousand rows (storage §7.1, §7.3), with
//! custom and with generic plans. See `shared_plans` for how that is known.

use std::time::Duration;

use less_sync_core::{Dek, FileId, RecordId};
use less_sync_storage::{
    Claim, ClaimDue, Claimed, Content, FileCommit, Files as _, ObjectKey, ObjectUse, Objects as _, Upload,
    UploadId, WriteGrant,
};
use less_sync_storage_postgres::PostgresStorage;
use uuid::Uuid;

use crate::harness::execute;
use crate::shared_plans::{Fixture, LARGE, MODES, assert_reads, chain, reader};

/// The queue has 110 000 entries: 5 000 attempts that are over and 5 000 that are not, and 100 000 objects of deleted files,
/// half of which are past a grace of a day. All of them are of the large space.
const QUEUE: &str = "
    INSERT INTO blob_uploads (space_id, upload_id, file_id, object_key, pending_delete, not_before)
        SELECT '01010101-0101-0101-0101-010101010101', md5('upload ' || n)::uuid, md5('queued ' || n)::uuid,
               'object ' || n, n > 10000,
               CASE WHEN n <= 5000 THEN now() + interval '1 hour' WHEN n <= 10000 THEN now() - n * interval '1 second'
                    WHEN n <= 60000 THEN now() - n * interval '1 millisecond'
                    ELSE now() - interval '3 days' - n * interval '1 millisecond' END
        FROM generate_series(1, 110000) n;
    ANALYZE blob_uploads";

const DAY: Duration = Duration::from_hours(24);

fn writer() -> WriteGrant {
    WriteGrant::issue_shared(LARGE, chain())
}

fn claim(file: FileId, record: RecordId) -> Claim {
    Claim { file, record, dek: Dek::try_from(&[9; Dek::LENGTH][..]).unwrap() }
}

/// A file of the large space that is there, and its owner.
async fn existing(fixture: &mut Fixture, skipped: i64) -> (FileId, RecordId) {
    let sql = "SELECT id, record_id FROM files WHERE space_id = $1 ORDER BY id OFFSET $2 LIMIT 1";
    let (id, record): (Uuid, Uuid) =
        sqlx::query_as(sql).bind(LARGE.as_uuid()).bind(skipped).fetch_one(&mut fixture.db).await.unwrap();
    // Flushes the statistics of this session, so that its reads are not counted later.
    execute(&mut fixture.db, "SELECT pg_stat_force_next_flush()").await;
    (id.into(), record.into())
}

/// An upload from its first check to its end, and a deletion: rows by their keys.
#[tokio::test]
async fn files_are_found_by_their_keys() {
    for mode in MODES {
        let mut fixture = Fixture::new(mode).await;
        execute(&mut fixture.db, QUEUE).await;
        let (old, owner) = existing(&mut fixture, 70).await;
        let new = FileId::from_bytes([7; 16]);
        let content = Content { size: 1, sha256: [1; 32] };
        let look = async |storage: &PostgresStorage| {
            let there = storage.claim_file(&writer(), &claim(old, owner), 1).await.unwrap();
            let free = storage.claim_file(&writer(), &claim(new, owner), 1).await.unwrap();
            assert_eq!([there, free], [Claimed::Exists, Claimed::Free]);
            storage.file(&reader(), old).await.unwrap();
        };
        let expected =
            [("files_pkey", 3), ("owner_usage_pkey", 0), ("records_pkey", 2), ("revocations_pkey", 0)];
        assert_reads(&fixture.reads(look).await, &expected);
        let upload = async |storage: &PostgresStorage| {
            let upload = storage.begin_upload(&writer(), new, DAY).await.unwrap();
            let done = storage.commit_file(&writer(), &upload, &claim(new, owner), content).await.unwrap();
            assert!(matches!(done, FileCommit::Created(_)));
        };
        let expected =
            [("files_pkey", 1), ("records_pkey", 1), ("revocations_pkey", 0), ("blob_uploads_pkey", 1)];
        assert_reads(&fixture.reads(upload).await, &expected);
        let delete = async |storage: &PostgresStorage| {
            storage.delete_file(&writer(), old).await.unwrap().unwrap();
            assert_eq!(storage.delete_file(&writer(), old).await.unwrap(), None);
        };
        // To find it, to mark its object, to tombstone it; the second time both versions of the row are seen.
        assert_reads(&fixture.reads(delete).await, &[("files_pkey", 6), ("revocations_pkey", 0)]);
        let abort = async |storage: &PostgresStorage| {
            for id in [UploadId::from_bytes([8; 16]), UploadId::from_bytes([9; 16])] {
                let upload = Upload { id, object: ObjectKey::attempt(LARGE, new, id) };
                storage.abort_upload(&upload).await.unwrap();
                storage.abort_upload(&upload).await.unwrap();
            }
        };
        // The queue has seen three attempts of this file by then.
        let expected = [("blob_uploads_pkey", 2), ("files_pkey", 2), ("idx_blob_uploads_file", 3)];
        assert_reads(&fixture.reads(abort).await, &expected);
        fixture.end().await;
    }
}

/// "pending deletions": entries within their grace period are not read, in any number.
#[tokio::test]
async fn sweeper_reads_no_more_than_it_claims() {
    for mode in MODES {
        let mut fixture = Fixture::new(mode).await;
        execute(&mut fixture.db, QUEUE).await;
        for grace in [DAY, DAY * 9] {
            let mut claimed = Vec::new();
            let sweep = async |storage: &PostgresStorage| {
                let due = ClaimDue { limit: 100, lease: DAY, grace };
                claimed = storage.claim_due_objects(due).await.unwrap();
                assert_eq!(claimed.len(), 100);
            };
            let expected =
                [("idx_blob_uploads_due", 100), ("idx_blob_uploads_grace", 101), ("blob_uploads_pkey", 100)];
            assert_reads(&fixture.reads(sweep).await, &expected);
            let report = async |storage: &PostgresStorage| {
                storage.forget_object(LARGE, claimed[0].entry).await.unwrap();
                storage.postpone_object(LARGE, claimed[1].entry, DAY).await.unwrap();
            };
            // Every row was claimed, and its previous version counts as well.
            assert_reads(&fixture.reads(report).await, &[("blob_uploads_pkey", 4)]);
        }
        fixture.end().await;
    }
}

/// Reads of fsck: each object by its keys, and live files page by page.
#[tokio::test]
async fn objects_are_looked_up_by_the_keys_of_their_files() {
    for mode in MODES {
        let mut fixture = Fixture::new(mode).await;
        execute(&mut fixture.db, QUEUE).await;
        let (file, _) = existing(&mut fixture, 5000).await;
        let legacy = ObjectKey::legacy(LARGE, file);
        let look = async |storage: &PostgresStorage| {
            let uses = storage.object_uses(&vec![legacy.clone(); 1000]).await.unwrap();
            assert_eq!(uses, [ObjectUse::Live { size: 1 }; 1000]);
            let orphan = ObjectKey::legacy(LARGE, FileId::from_bytes([7; 16]));
            assert!(storage.mark_orphan_for_deletion(&orphan).await.unwrap());
        };
        let expected = [("files_pkey", 1001), ("idx_blob_uploads_file", 0), ("blob_uploads_pkey", 0)];
        assert_reads(&fixture.reads(look).await, &expected);
        for only in [None, Some(LARGE)] {
            let walk = async |storage: &PostgresStorage| {
                for after in [None, Some((LARGE, file))] {
                    assert_eq!(storage.live_objects(only, after, 500).await.unwrap().len(), 500);
                }
            };
            assert_reads(&fixture.reads(walk).await, &[("files_pkey", 1002)]);
        }
        fixture.end().await;
    }
}

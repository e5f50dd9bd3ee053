//! Objects in a local directory: modes, staging files, free space (storage §4.8).

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt};
use less_sync_disk::DirectorySync;
use less_sync_storage::{BlobError, BlobWriter, Blobs, DiskSpace, ListedBlob, ObjectName, Volume};
use less_sync_storage_objects::{LocalBlobs, LocalOptions, Violation};
use less_sync_test_support::within;
use tempfile::TempDir;

use crate::objects::{INSTANCE, PIECE, key};

const GIB: u64 = 1 << 30;

struct Harness {
    directory: TempDir,
    blobs: LocalBlobs,
}

impl Harness {
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let blobs = LocalBlobs::open(directory.path(), INSTANCE).await.unwrap();
        Self { directory, blobs }
    }

    fn path(&self, suffix: &str) -> PathBuf {
        self.directory.path().join(format!("{}{suffix}", key()))
    }

    async fn started(&self, size: usize, written: usize) -> Box<dyn BlobWriter> {
        let mut writer = self.blobs.create(&key(), size as u64).await.unwrap();
        writer.write(vec![7; written].into()).await.unwrap();
        writer
    }

    async fn list(&self) -> Vec<ListedBlob> {
        self.blobs.list("spaces/").try_collect().await.unwrap()
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn violation(error: &BlobError) -> Option<Violation> {
    let BlobError::Failed(source) = error else { return None };
    source.downcast_ref().copied()
}

#[tokio::test]
async fn files_have_owner_only_mode() {
    let harness = Harness::new().await;
    let writer = harness.started(3 * PIECE, 3 * PIECE).await;
    assert_eq!(mode(&harness.path("#1")), 0o600);
    writer.finish().await.unwrap();
    assert_eq!(mode(&harness.path("")), 0o600);
    assert!(!harness.path("#1").exists());
}

#[tokio::test]
async fn store_does_not_open_where_it_cannot_write() {
    let harness = Harness::new().await;
    fs::write(harness.directory.path().join("file"), b"").unwrap();
    for root in
        [harness.directory.path().join("file"), harness.directory.path().join("file/below"), "/proc".into()]
    {
        let opened = LocalBlobs::open(&root, INSTANCE).await;
        assert!(matches!(opened, Err(BlobError::Failed(_))), "{}: {opened:?}", root.display());
    }
}

#[tokio::test]
async fn object_that_is_being_written_is_not_created_twice() {
    let harness = Harness::new().await;
    let first = harness.started(PIECE + 1, PIECE + 1).await;
    assert!(matches!(
        harness.blobs.create(&key(), PIECE as u64 + 1).await.map(drop),
        Err(BlobError::Failed(_))
    ));
    first.finish().await.unwrap();
    assert_eq!(fs::metadata(harness.path("")).unwrap().len(), PIECE as u64 + 1);
}

/// Storage §4.7: the staging file of a killed process is listed, and deleted with the name of its object.
#[tokio::test]
async fn staging_file_of_a_killed_process_is_listed_and_deleted() {
    let harness = Harness::new().await;
    for name in [key().to_string(), format!("{}#1", key())] {
        fs::create_dir_all(harness.path("").parent().unwrap()).unwrap();
        fs::write(harness.path("#1"), b"half").unwrap();
        let listed = harness.list().await;
        assert_eq!((listed[0].name.to_string(), listed[0].size), (format!("{}#1", key()), 4));
        assert_eq!((listed[0].key.clone(), listed[0].unfinished), (Some(key()), true));
        harness.blobs.delete(&name.into()).await.unwrap();
        assert_eq!(harness.list().await, []);
    }
}

/// http §7.6: without a deletion by the sweeper.
#[tokio::test]
async fn dropped_upload_removes_its_staging_file() {
    let harness = Harness::new().await;
    drop(harness.started(3 * PIECE, 2 * PIECE).await);
    let gone = async {
        while harness.path("#1").exists() {
            tokio::task::yield_now().await;
        }
    };
    within("the removal of the staging file", gone).await;
}

#[tokio::test]
async fn upload_whose_staging_file_was_deleted_fails() {
    let harness = Harness::new().await;
    let writer = harness.started(3 * PIECE, 3 * PIECE).await;
    harness.blobs.delete(&ObjectName::from(&key())).await.unwrap();
    assert!(matches!(writer.finish().await, Err(BlobError::Failed(_))));
    assert_eq!(harness.list().await, []);
}

#[tokio::test]
async fn directory_removed_from_outside_is_created_again() {
    let harness = Harness::new().await;
    for size in [10, PIECE + 1] {
        harness.started(size, size).await.finish().await.unwrap();
        fs::remove_dir_all(harness.directory.path().join("spaces")).unwrap();
    }
    harness.started(10, 10).await.finish().await.unwrap();
    let listed = harness.list().await;
    assert_eq!(listed.len(), 1);
    assert_eq!((listed[0].key.clone(), listed[0].unfinished), (Some(key()), false));
}

/// H6: an object that is truncated while it is read. At most one chunk was read ahead.
#[tokio::test]
async fn truncated_object_ends_in_an_error() {
    let harness = Harness::new().await;
    harness.started(8 * PIECE, 8 * PIECE).await.finish().await.unwrap();
    let mut reader = harness.blobs.open(&key(), None).await.unwrap();
    assert_eq!(reader.bytes.next().await.unwrap().unwrap().len(), PIECE);
    OpenOptions::new().write(true).open(harness.path("")).unwrap().set_len(0).unwrap();
    let (mut pieces, mut ends) = (0, Vec::new());
    while let Some(piece) = reader.bytes.next().await {
        match piece {
            Ok(_) => pieces += 1,
            Err(error) => ends.push(violation(&error)),
        }
    }
    assert!(pieces <= 1, "{pieces} chunks were read ahead");
    assert_eq!(ends, [Some(Violation::EndedEarly)]);
}

/// H6: an object that grows while it is read.
#[tokio::test]
async fn object_that_grows_ends_at_its_announced_size() {
    let harness = Harness::new().await;
    for size in [10, 2 * PIECE + 1] {
        harness.started(size, size).await.finish().await.unwrap();
        let reader = harness.blobs.open(&key(), None).await.unwrap();
        OpenOptions::new().write(true).open(harness.path("")).unwrap().set_len(10 * PIECE as u64).unwrap();
        let read: Vec<Bytes> = reader.bytes.try_collect().await.unwrap();
        assert_eq!((reader.size, read.concat().len()), (size as u64, size));
        harness.blobs.delete(&ObjectName::from(&key())).await.unwrap();
    }
}

#[tokio::test]
async fn directory_is_not_an_object() {
    let harness = Harness::new().await;
    fs::create_dir_all(harness.path("")).unwrap();
    assert!(matches!(harness.blobs.open(&key(), None).await, Err(BlobError::NotFound)));
    assert_eq!(harness.list().await, []);
}

#[derive(Debug)]
struct FixedSpace(io::Result<u64>);

impl Volume for FixedSpace {
    fn space(&self) -> io::Result<DiskSpace> {
        let free = self.0.as_ref().map_err(|error| io::Error::from(error.kind()))?;
        Ok(DiskSpace { free: *free, total: 10 * GIB })
    }
}

async fn opened(root: &Path, volume: Arc<FixedSpace>) -> LocalBlobs {
    let options = LocalOptions { volume, ..LocalOptions::new(root) };
    LocalBlobs::open_with(options, INSTANCE).await.unwrap()
}

/// Storage §4.8: rejected before the body is read.
#[tokio::test]
async fn object_that_would_fill_the_disk_is_rejected() {
    let directory = tempfile::tempdir().unwrap();
    let volume = Arc::new(FixedSpace(Ok(GIB + 100)));
    let blobs = opened(directory.path(), volume).await;
    let Err(BlobError::Full(reason)) = blobs.create(&key(), 101).await.map(drop) else { panic!("not full") };
    let expected = format!("101 bytes would leave less than the reserve of {GIB} bytes of {}", 10 * GIB);
    assert!(reason.to_string().starts_with(&expected), "{reason}");
    let mut writer = blobs.create(&key(), 100).await.unwrap();
    writer.write(vec![0; 100].into()).await.unwrap();
    writer.finish().await.unwrap();
}

#[tokio::test]
async fn unreadable_free_space_is_not_a_full_disk() {
    let directory = tempfile::tempdir().unwrap();
    let volume = Arc::new(FixedSpace(Err(io::ErrorKind::TimedOut.into())));
    let blobs = opened(directory.path(), volume).await;
    assert!(matches!(blobs.create(&key(), 1).await.map(drop), Err(BlobError::Unavailable(_))));
}

/// Objects are not kept where their names may vanish in a power failure, unless that is allowed.
#[tokio::test]
async fn store_opens_without_durable_directories_only_on_request() {
    let unsupported = |_: &Path| Err(io::ErrorKind::Unsupported.into());
    let directory = tempfile::tempdir().unwrap();
    for (sync, allowed) in [(DirectorySync::required(), false), (DirectorySync::best_effort(|_| ()), true)] {
        let directory_sync = sync.with_operation(unsupported);
        let options = LocalOptions { directory_sync, ..LocalOptions::new(directory.path()) };
        match LocalBlobs::open_with(options, INSTANCE).await {
            Ok(blobs) => {
                let mut writer = blobs.create(&key(), 1).await.unwrap();
                writer.write(vec![7].into()).await.unwrap();
                writer.finish().await.unwrap();
                assert!(allowed && directory.path().join(key().to_string()).exists());
            }
            Err(BlobError::Failed(error)) => {
                assert!(!allowed && error.to_string().contains("cannot synchronise directories"), "{error}");
            }
            Err(error) => panic!("{error}"),
        }
    }
}

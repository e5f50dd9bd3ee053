//! Conformance suite on a local directory.

use std::fs;

use less_sync_storage_conformance::blobs::BlobsBackend;
use less_sync_storage_objects::LocalBlobs;
use tempfile::TempDir;

use crate::objects::INSTANCE;

struct LocalBackend {
    directory: TempDir,
}

impl BlobsBackend for LocalBackend {
    type Store = LocalBlobs;

    async fn create() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    async fn open(&self) -> LocalBlobs {
        LocalBlobs::open(self.directory.path(), INSTANCE).await.unwrap()
    }

    async fn put(&self, name: &str, content: &[u8]) {
        let path = self.directory.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
}

less_sync_storage_conformance::blobs_conformance_tests!(LocalBackend);

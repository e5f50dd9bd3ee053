//! Conformance suite on a bucket of S3.

use less_sync_storage_conformance::blobs::BlobsBackend;
use less_sync_storage_objects::S3Blobs;
use less_sync_test_support::s3::S3Server;

use crate::bucket;

struct S3Backend {
    server: S3Server,
}

impl BlobsBackend for S3Backend {
    type Store = S3Blobs;

    async fn create() -> Self {
        Self { server: S3Server::start().await }
    }

    async fn open(&self) -> S3Blobs {
        bucket::connect(&bucket::options(&self.server))
    }

    async fn put(&self, name: &str, content: &[u8]) {
        self.server.put(name, content);
    }
}

less_sync_storage_conformance::blobs_conformance_tests!(S3Backend);

//! Client for the bucket of an S3 server that runs in the test.

use less_sync_storage_objects::{RetryPolicy, S3Blobs, S3Options, Timeouts};
use less_sync_test_support::s3::S3Server;

use crate::objects::INSTANCE;

pub(crate) fn options(server: &S3Server) -> S3Options {
    S3Options {
        endpoint: server.endpoint(),
        use_ssl: true,
        region: "us-east-1".to_owned(),
        bucket: server.bucket().to_owned(),
        access_key: server.access_key().to_owned(),
        secret_key: server.secret_key().into(),
        timeouts: Timeouts::default(),
        retry: RetryPolicy::default(),
    }
}

pub(crate) fn connect(options: &S3Options) -> S3Blobs {
    S3Blobs::new(options, INSTANCE).unwrap()
}

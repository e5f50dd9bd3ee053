//! File storage settings (operations §2.5, §15).

use std::path::{Path, PathBuf};
use std::time::Duration;

use less_sync_app::config::{FileStore, FilesConfig};
use less_sync_app::{Config, Sources, Values};
use less_sync_storage_objects::{S3Blobs, S3Options};

const BUCKET: [(&str, &str); 5] = [
    ("FILE_STORAGE_BACKEND", "s3"),
    ("FILE_S3_ENDPOINT", "minio:9000"),
    ("FILE_S3_ACCESS_KEY", "somebody"),
    ("FILE_S3_SECRET_KEY", "hunter2"),
    ("FILE_S3_BUCKET", "blobs"),
];

fn sources(extra: &[(&str, &str)]) -> Sources {
    let required = [("DATABASE_URL", "sqlite:x.db"), ("TRUSTED_ISSUERS", "https://accounts.example.com")];
    let pairs = required.iter().chain(extra);
    let environment: Values = pairs.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Sources::from_environment(environment)
}

fn files(extra: &[(&str, &str)]) -> FilesConfig {
    Config::read(&sources(extra)).unwrap().files
}

fn problems(extra: &[(&str, &str)]) -> Vec<String> {
    Config::read(&sources(extra)).unwrap_err().problems
}

fn local(extra: &[(&str, &str)]) -> PathBuf {
    match files(extra).store {
        Some(FileStore::Local(directory)) => directory,
        other => panic!("a directory was asked for: {other:?}"),
    }
}

fn bucket(extra: &[(&str, &str)]) -> S3Options {
    match files(&[&BUCKET[..], extra].concat()).store {
        Some(FileStore::S3(options)) => *options,
        other => panic!("a bucket was asked for: {other:?}"),
    }
}

/// operations §15 "files off by default".
#[test]
fn files_are_off_without_a_store() {
    assert!(files(&[]).store.is_none());
    assert!(files(&[("FILE_STORAGE_BACKEND", "none")]).store.is_none());
}

/// operations §15 "local: default path, explicit path, `fs` alias".
#[test]
fn directory_has_a_default_and_two_names() {
    assert_eq!(local(&[("FILE_STORAGE_BACKEND", "local")]), Path::new("./data/files"));
    for backend in [("FILE_STORAGE_BACKEND", "local"), ("FILE_STORAGE_BACKEND", "fs"), ("FILE_STORAGE", "fs")]
    {
        for path in [("FILE_STORAGE_PATH", "/srv/files"), ("FILE_FS_PATH", "/srv/files")] {
            assert_eq!(local(&[backend, path]), Path::new("/srv/files"), "{backend:?} {path:?}");
        }
    }
}

#[test]
fn two_names_of_one_setting_must_agree() {
    let agree = [("FILE_STORAGE", "local"), ("FILE_STORAGE_BACKEND", "local")];
    assert!(files(&agree).store.is_some());
    let differ = [("FILE_STORAGE", "s3"), ("FILE_STORAGE_BACKEND", "local")];
    assert_eq!(problems(&differ), ["FILE_STORAGE_BACKEND and FILE_STORAGE have different values"]);
    // A source of higher precedence wins, under either name; that is not a conflict.
    let environment: Values = [("FILE_STORAGE".to_owned(), "none".to_owned())].into();
    let mut developing = Sources::from_environment(environment);
    developing.set_development(Path::new("dev"));
    assert!(Config::read(&developing).unwrap().files.store.is_none());
}

#[test]
fn development_keeps_files_beside_its_database() {
    let mut sources = Sources::default();
    sources.set_development(Path::new("dev"));
    let place = Config::read(&sources).unwrap().files.store;
    assert!(matches!(&place, Some(FileStore::Local(path)) if path == Path::new("dev/files")), "{place:?}");
}

/// operations §15 "s3: region and TLS defaults, overrides, endpoint required".
#[test]
fn bucket_has_defaults() {
    let options = bucket(&[]);
    assert_eq!((options.endpoint.as_str(), options.bucket.as_str()), ("minio:9000", "blobs"));
    assert_eq!((options.region.as_str(), options.use_ssl), ("us-east-1", true));
    let options = bucket(&[("FILE_S3_REGION", "eu-central-1"), ("FILE_S3_USE_SSL", "false")]);
    assert_eq!((options.region.as_str(), options.use_ssl), ("eu-central-1", false));
}

/// `parse_file_storage_s3_requires_endpoint`; all missing settings are reported at once.
#[test]
fn bucket_needs_its_address_and_keys() {
    let expected = ["ENDPOINT", "ACCESS_KEY", "SECRET_KEY", "BUCKET"]
        .map(|name| format!("FILE_S3_{name} is required when FILE_STORAGE_BACKEND=s3"));
    assert_eq!(problems(&[("FILE_STORAGE_BACKEND", "s3")]), expected);
}

/// operations §15 "unknown back end".
#[test]
fn other_stores_are_unknown() {
    let expected = r#"invalid FILE_STORAGE_BACKEND "tape": expected "none", "local", or "s3""#;
    assert_eq!(problems(&[("FILE_STORAGE_BACKEND", "tape")]), [expected]);
    assert_eq!(problems(&[("FILE_STORAGE", "tape")]), [expected]);
}

/// operations §15 "s3 client can be built offline".
#[tokio::test]
async fn client_of_a_bucket_is_created_without_a_request() {
    S3Blobs::new(&bucket(&[]), uuid::Uuid::from_u128(1)).unwrap();
}

/// operations §2.1: no secret is shown.
#[test]
fn keys_of_a_bucket_are_not_shown() {
    let config = Config::read(&sources(&BUCKET)).unwrap();
    let shown = format!("{:?} {config:?}", config.effective());
    assert!(!shown.contains("hunter2"), "{shown}");
    assert!(config.effective().contains(&("FILE_S3_SECRET_KEY", "set".to_owned())));
}

#[test]
fn bounds_are_read() {
    let settings = files(&[
        ("MAX_FILE_SIZE", "1 GiB"),
        ("FILE_UPLOAD_CONCURRENCY", "3"),
        ("FILE_DOWNLOAD_CONCURRENCY", "4"),
        ("FILE_IDLE_TIMEOUT_SECS", "7"),
        ("FILE_DELETION_GRACE_SECS", "86400"),
    ]);
    let settings = settings.settings;
    assert_eq!((settings.max_size, settings.uploads, settings.downloads), (1 << 30, 3, 4));
    assert_eq!(settings.idle_timeout, Duration::from_secs(7));
    assert_eq!(settings.delete_grace, Duration::from_hours(24));
    let too_short = problems(&[("BLOB_DELETE_GRACE_SECS", "59")]);
    assert_eq!(too_short, ["invalid BLOB_DELETE_GRACE_SECS value \"59\": expected 60s to 31622400s"]);
}

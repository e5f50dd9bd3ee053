//! File storage settings: object store, transfer limits, deletion (operations §2.5).

use std::path::PathBuf;
use std::time::Duration;

use less_sync_engine::files::FileSettings;
use less_sync_storage_objects::{RetryPolicy, S3Options, Timeouts};
use secrecy::SecretString;

use super::limits::seconds;
use super::reader::Reader;

const GIB: usize = 1024 * 1024 * 1024;

/// File storage configuration.
#[derive(Clone, Debug)]
pub struct FilesConfig {
    /// Object store (`FILE_STORAGE_BACKEND`); `None` turns file storage off.
    pub store: Option<FileStore>,
    /// Write and read a test object before the server starts (`FILE_STORAGE_PROBE`).
    pub probe: bool,
    /// Size, concurrency and deletion settings (`MAX_FILE_SIZE`, `FILE_*`, `BLOB_DELETE_GRACE_SECS`).
    pub settings: FileSettings,
}

/// An object store.
#[derive(Clone, Debug)]
pub enum FileStore {
    /// Local directory.
    Local(PathBuf),
    /// S3 bucket.
    S3(Box<S3Options>),
}

/// Value of `FILE_STORAGE_BACKEND`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Backend {
    None,
    Local,
    S3,
}

impl FilesConfig {
    /// Reads the settings of every backend, whichever is selected, so that names of the others count as known.
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let backend = backend(reader);
        let directory = reader.either("FILE_STORAGE_PATH", "FILE_FS_PATH");
        let directory = PathBuf::from(directory.unwrap_or_else(|| "./data/files".to_owned()));
        reader.show("FILE_STORAGE_PATH", directory.display());
        let bucket = bucket(reader, backend == Backend::S3);
        let store = match backend {
            Backend::None => None,
            Backend::Local => Some(FileStore::Local(directory)),
            Backend::S3 => bucket.map(|bucket| FileStore::S3(Box::new(bucket))),
        };
        Self { store, probe: reader.switch("FILE_STORAGE_PROBE", true), settings: settings(reader) }
    }
}

fn backend(reader: &mut Reader<'_>) -> Backend {
    let text = reader.either("FILE_STORAGE_BACKEND", "FILE_STORAGE").unwrap_or_else(|| "none".to_owned());
    reader.show("FILE_STORAGE_BACKEND", &text);
    match text.as_str() {
        "none" => Backend::None,
        "local" | "fs" => Backend::Local,
        "s3" => Backend::S3,
        _ => {
            reader.problem(format!(
                "invalid FILE_STORAGE_BACKEND \"{text}\": expected \"none\", \"local\", or \"s3\""
            ));
            Backend::None
        }
    }
}

/// Reads the bucket settings; `None` if one is missing, which is a problem only if the bucket is `required`.
fn bucket(reader: &mut Reader<'_>, required: bool) -> Option<S3Options> {
    let mut read = |name: &'static str| {
        let value = reader.text(name);
        if value.is_some() && name.ends_with("_KEY") {
            reader.show(name, "set");
        }
        if value.is_none() && required {
            reader.problem(format!("{name} is required when FILE_STORAGE_BACKEND=s3"));
        }
        value
    };
    let endpoint = read("FILE_S3_ENDPOINT");
    let access_key = read("FILE_S3_ACCESS_KEY");
    let secret_key = read("FILE_S3_SECRET_KEY").map(SecretString::from);
    let bucket = read("FILE_S3_BUCKET");
    let region = reader.text("FILE_S3_REGION").unwrap_or_else(|| "us-east-1".to_owned());
    reader.show("FILE_S3_REGION", &region);
    let use_ssl = reader.switch("FILE_S3_USE_SSL", true);
    Some(S3Options {
        endpoint: endpoint?,
        use_ssl,
        region,
        bucket: bucket?,
        access_key: access_key?,
        secret_key: secret_key?,
        timeouts: Timeouts::default(),
        retry: RetryPolicy::default(),
    })
}

fn settings(reader: &mut Reader<'_>) -> FileSettings {
    let defaults = FileSettings::default();
    let max_size = usize::try_from(defaults.max_size).unwrap_or(usize::MAX);
    let min_rate = usize::try_from(defaults.min_rate).unwrap_or(usize::MAX);
    FileSettings {
        max_size: reader.size("MAX_FILE_SIZE", max_size, 1..=5 * 1024 * GIB) as u64,
        uploads: reader.count("FILE_UPLOAD_CONCURRENCY", defaults.uploads, 1..=100_000),
        downloads: reader.count("FILE_DOWNLOAD_CONCURRENCY", defaults.downloads, 1..=100_000),
        idle_timeout: reader.duration("FILE_IDLE_TIMEOUT_SECS", defaults.idle_timeout, seconds(1..=3600)),
        min_rate: reader.size("FILE_MIN_RATE", min_rate, 0..=GIB) as u64,
        delete_grace: delete_grace(reader, defaults.delete_grace),
    }
}

/// Reads the grace period of deleted objects; `FILE_DELETION_GRACE_SECS` is an alias (newer-clients §7).
fn delete_grace(reader: &mut Reader<'_>, default: Duration) -> Duration {
    const NAME: &str = "BLOB_DELETE_GRACE_SECS";
    const ALIAS: &str = "FILE_DELETION_GRACE_SECS";
    let text = reader.either(NAME, ALIAS);
    reader.duration_of(NAME, text, default, seconds(60..=366 * 86_400))
}

//! Object store selected by the configuration, and the sweeper of unreferenced objects.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use less_sync_core::ErrorChain;
use less_sync_disk::DirectorySync;
use less_sync_engine::{Files, Random as _};
use less_sync_storage::Blobs;
use less_sync_storage_objects::{LocalBlobs, LocalOptions, S3Blobs};
use uuid::Uuid;

use crate::clock::SystemRandom;
use crate::config::{FileStore, FilesConfig};
use crate::deployment_jobs::DeploymentJobs;
use crate::tasks::{JobOutcome, Tasks};

/// Interval of the sweeper (operations §4).
const SWEEP: Duration = Duration::from_mins(1);

/// Opens the file storage, if one is configured, and probes it with a test object. A full one is a warning: downloads and
/// deletions work, and deletions are what makes space.
pub(crate) async fn open(
    config: &FilesConfig,
    directory_sync: &DirectorySync,
) -> anyhow::Result<Option<Arc<dyn Blobs>>> {
    let Some(store) = &config.store else { return Ok(None) };
    let instance = Uuid::from_bytes(SystemRandom.uuid());
    let blobs: Arc<dyn Blobs> = match store {
        FileStore::Local(directory) => {
            let options =
                LocalOptions { directory_sync: directory_sync.clone(), ..LocalOptions::new(directory) };
            let opened = LocalBlobs::open_with(options, instance).await;
            Arc::new(opened.with_context(|| of_directory(directory))?)
        }
        FileStore::S3(bucket) => Arc::new(S3Blobs::new(bucket, instance).context(OF_BUCKET)?),
    };
    if config.probe {
        let hint = "file storage probe failed (FILE_STORAGE_PROBE=false skips the probe)";
        match blobs.probe().await {
            Err(error) if error.is_full() => {
                let error = ErrorChain(&error);
                tracing::warn!(%error, "file storage is full: uploads are rejected until it has space");
            }
            probed => probed.context(hint)?,
        }
    }
    Ok(Some(blobs))
}

/// Opens the file storage, if one is configured, to read objects: writes nothing, not even a probe. It may be a snapshot in
/// a directory that cannot be written, or a bucket whose key may only read.
pub(crate) async fn open_to_read(config: &FilesConfig) -> anyhow::Result<Option<Arc<dyn Blobs>>> {
    let Some(store) = &config.store else { return Ok(None) };
    let instance = Uuid::from_bytes(SystemRandom.uuid());
    Ok(Some(match store {
        FileStore::Local(directory) => {
            let opened = LocalBlobs::existing(directory, instance).await;
            Arc::new(opened.with_context(|| of_directory(directory))?)
        }
        FileStore::S3(bucket) => Arc::new(S3Blobs::new(bucket, instance).context(OF_BUCKET)?),
    }))
}

const OF_BUCKET: &str = "cannot open the bucket at FILE_S3_ENDPOINT";

fn of_directory(directory: &Path) -> String {
    format!("cannot open file storage in {}", directory.display())
}

/// Starts the sweeper, which runs on one process of the deployment, and the measurement of its queue, which every process does.
pub(crate) fn spawn_sweeper(files: &Files, jobs: &DeploymentJobs, tasks: &Tasks) {
    let swept = files.clone();
    jobs.spawn("blob sweeper", SWEEP, move || sweep(swept.clone()));
    let measured = files.clone();
    tasks.spawn_periodic("blob queue", SWEEP, move || measure(measured.clone()));
}

async fn sweep(files: Files) -> JobOutcome {
    let swept = files.sweep().await;
    let outcome = JobOutcome::of(&swept);
    match swept {
        Ok(swept) if swept == less_sync_engine::files::Swept::default() => {}
        Ok(swept) => {
            tracing::debug!(removed = swept.removed, failed = swept.failed, "unreferenced objects deleted");
        }
        Err(error) => tracing::warn!(error = %ErrorChain(&error), "failed to sweep unreferenced objects"),
    }
    outcome
}

async fn measure(files: Files) -> JobOutcome {
    let measured = files.measure_queue().await;
    if let Err(error) = &measured {
        tracing::warn!(error = %ErrorChain(error), "failed to read the queue of objects");
    }
    JobOutcome::of(&measured)
}

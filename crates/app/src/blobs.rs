//! The object store, whichever it is, and what keeps it in good order.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use less_sync_core::ErrorChain;
use less_sync_engine::{Files, Random as _};
use less_sync_storage::Blobs;
use less_sync_storage_objects::{LocalBlobs, S3Blobs};
use uuid::Uuid;

use crate::clock::SystemRandom;
use crate::config::{FilePlace, FilesConfig};
use crate::tasks::Tasks;

/// How often objects are looked for that must go (operations §4).
const SWEEP: Duration = Duration::from_mins(1);

/// Opens the place of files, if there is one, and tries it out.
pub(crate) async fn open(config: &FilesConfig) -> anyhow::Result<Option<Arc<dyn Blobs>>> {
    let Some(place) = &config.place else { return Ok(None) };
    let instance = Uuid::from_bytes(SystemRandom.uuid());
    let blobs: Arc<dyn Blobs> = match place {
        FilePlace::Local(directory) => {
            let opened = LocalBlobs::open(directory, instance).await;
            Arc::new(opened.with_context(|| format!("cannot keep files in {}", directory.display()))?)
        }
        FilePlace::S3(bucket) => Arc::new(
            S3Blobs::new(bucket, instance).context("cannot keep files in the bucket of FILE_S3_ENDPOINT")?,
        ),
    };
    if config.probe {
        let hint = "the place of files does not work (FILE_STORAGE_PROBE=false starts without this look)";
        blobs.probe().await.context(hint)?;
    }
    Ok(Some(blobs))
}

/// Starts the sweeper.
pub(crate) fn spawn_sweeper(files: &Files, tasks: &Tasks) {
    let files = files.clone();
    tasks.spawn_periodic("blob sweeper", SWEEP, move || sweep(files.clone()));
}

async fn sweep(files: Files) {
    match files.sweep().await {
        Ok(swept) if swept == less_sync_engine::files::Swept::default() => {}
        Ok(swept) => tracing::debug!(removed = swept.removed, failed = swept.failed, "swept objects"),
        Err(error) => tracing::warn!(error = %ErrorChain(&error), "objects were not swept"),
    }
}

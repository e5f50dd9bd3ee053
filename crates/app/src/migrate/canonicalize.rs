//! `blobs canonicalize`: moves objects to the keys of the original server, which names them by space and file alone
//! (storage §2.4, §4.1).

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use less_sync_core::{FileId, SpaceId};
use less_sync_storage::{BlobError, Blobs, LiveObject, ObjectKey, ObjectName};
use less_sync_storage_postgres::migrate;

use super::arguments::{Connection, ProgressArguments};
use super::copying::copy;
use super::database::{Database, directory_sync, sources};
use super::findings::{Finding, Findings};
use super::output;
use super::progress::Progress;
use crate::blobs;
use crate::config::{Config, Values};
use crate::exit_error::ExitError;

/// Files of one query.
const PAGE: usize = 1000;

pub(super) async fn run(
    connection: &Connection,
    environment: &Values,
    progress: ProgressArguments,
) -> Result<ExitCode, ExitError> {
    let sources = sources(connection, environment).map_err(ExitError::usage)?;
    let (_, files) = Config::read_stores(&sources).map_err(ExitError::usage)?;
    let database = Database::find(connection, environment)?;
    let sync = directory_sync(&sources).map_err(ExitError::usage)?;
    let blobs = blobs::open(&files, &sync).await?;
    let blobs = blobs.ok_or_else(|| {
        ExitError::usage(anyhow!("FILE_STORAGE_BACKEND is not set: no file storage to change"))
    })?;
    let mut moves =
        Moves { blobs, progress: Progress::new(progress), findings: Findings::default(), moved: 0, bytes: 0 };
    match &database {
        Database::Sqlite(path, sync) => {
            let opened = less_sync_storage_sqlite::Maintenance::open(path, sync);
            let mut opened = opened.map_err(anyhow::Error::new)?;
            moves.all(Files::Sqlite(&mut opened)).await?;
        }
        Database::Postgres(migrator) => {
            let moving = migrator.maintain(async |maintenance| moves.all(Files::Postgres(maintenance)).await);
            moving.await.map_err(super::postgres::exit_error)??;
        }
    }
    let Moves { findings, moved, bytes, .. } = moves;
    output::print(&format!("moved objects={moved} bytes={bytes} findings={}", findings.count()))?;
    findings.exit_code()
}

/// Files of a database under its lock.
enum Files<'f, 's> {
    Sqlite(&'f mut less_sync_storage_sqlite::Maintenance),
    Postgres(&'f mut migrate::Maintenance<'s>),
}

impl Files<'_, '_> {
    async fn page(&mut self, after: Option<(SpaceId, FileId)>) -> anyhow::Result<Vec<LiveObject>> {
        const FAILED: &str = "cannot read the files of the database";
        match self {
            Self::Sqlite(maintenance) => maintenance.keyed_files(after, PAGE).context(FAILED),
            Self::Postgres(maintenance) => maintenance.keyed_files(after, PAGE).await.context(FAILED),
        }
    }

    async fn point_to_legacy_key(&mut self, file: &LiveObject) -> anyhow::Result<bool> {
        const FAILED: &str = "cannot change the key of an object";
        match self {
            Self::Sqlite(maintenance) => maintenance.point_to_legacy_key(file).context(FAILED),
            Self::Postgres(maintenance) => maintenance.point_to_legacy_key(file).await.context(FAILED),
        }
    }
}

/// Moves of objects.
struct Moves {
    blobs: Arc<dyn Blobs>,
    progress: Progress,
    findings: Findings,
    moved: u64,
    bytes: u64,
}

impl Moves {
    async fn all(&mut self, mut files: Files<'_, '_>) -> anyhow::Result<()> {
        let mut after = None;
        loop {
            let page = files.page(after).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some((last.space, last.file));
            for file in page {
                self.one(&mut files, &file).await?;
                self.progress.show(&format!("{} objects, {} bytes moved", self.moved, self.bytes));
            }
        }
    }

    /// Copies the object, changes the row, deletes the object under its old key: whatever ends the run in between, the
    /// row points to a complete object, and the next run continues.
    async fn one(&mut self, files: &mut Files<'_, '_>, file: &LiveObject) -> anyhow::Result<()> {
        let failed = || format!("cannot move object {}", file.name.without_space());
        let Some(key) = file.name.key() else {
            self.findings.add(Finding::Missing, &file.name);
            return Ok(());
        };
        let legacy = ObjectKey::legacy(file.space, file.file);
        let reader = match self.blobs.open(&key, None).await {
            Err(BlobError::NotFound) => {
                self.findings.add(Finding::Missing, &file.name);
                return Ok(());
            }
            opened => opened.with_context(failed)?,
        };
        if reader.size != file.size {
            self.findings.add(Finding::Damaged, &file.name);
            return Ok(());
        }
        let new_name = ObjectName::from(&legacy);
        // No row points to it: the row of its file points to the object that is moved.
        self.blobs.delete(&new_name).await.with_context(failed)?;
        let writer = self.blobs.create(&legacy, file.size).await.with_context(failed)?;
        copy(reader, writer, None).await.with_context(failed)?;
        let is_moved = files.point_to_legacy_key(file).await?;
        self.blobs.delete(if is_moved { &file.name } else { &new_name }).await.with_context(failed)?;
        if is_moved {
            self.moved += 1;
            self.bytes += file.size;
        }
        Ok(())
    }
}

//! `blobs fsck`: compares the object store with the database (storage §4.7).

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use less_sync_disk::DirectorySync;
use less_sync_engine::fsck::{Finding, Fsck, FsckOptions, FsckSummary};
use less_sync_storage::Objects;
use less_sync_storage_sqlite::ForeignObjects;
use serde_json::{Value, json};

use super::arguments::{Connection, FsckArguments};
use super::database::{directory_sync, sources};
use super::output::print;
use crate::blobs;
use crate::config::{Config, DatabaseConfig, Values};
use crate::exit_error::ExitError;
use crate::store::Store;

/// Prints one line per finding. Exits with 3 if a finding is left that is not marked for deletion.
pub(super) async fn fsck(
    connection: &Connection,
    environment: &Values,
    arguments: &FsckArguments,
) -> Result<ExitCode, ExitError> {
    let sources = sources(connection, environment).map_err(ExitError::usage)?;
    let (mut database, files) = Config::read_stores(&sources).map_err(ExitError::usage)?;
    let sync = directory_sync(&sources).map_err(ExitError::usage)?;
    if let DatabaseConfig::Postgres(options) = &mut database {
        options.run_migrations = false;
    }
    let FsckArguments { delete, min_age, space, json } = *arguments;
    // A check writes nothing, not even a probe: database and objects may be snapshots.
    let blobs = if delete { blobs::open(&files, &sync).await? } else { blobs::open_to_read(&files).await? };
    let blobs = blobs.ok_or_else(|| {
        ExitError::usage(anyhow!("FILE_STORAGE_BACKEND is not set: no file storage to check"))
    })?;
    let objects = Opened::of(&database, &sync, delete).await?;
    let options = FsckOptions { only: space, min_age, delete };
    let mut printed = Ok(());
    let fsck = Fsck::new(objects.objects(), blobs, options);
    let summary = fsck.run(|finding| {
        if printed.is_ok() {
            printed = print(&if json { as_json(&finding).to_string() } else { as_text(&finding) });
        }
    });
    let summary = summary.await.context("failed to compare the object store with the database");
    let closed = objects.close().await;
    let summary = summary?;
    closed?;
    let printed = printed.and_then(|()| {
        print(&if json { summary_as_json(&summary).to_string() } else { summary_as_text(&summary) })
    });
    // Findings decide the exit code even if they could not be printed.
    match printed {
        outcome if summary.findings > summary.pending_delete => {
            outcome.unwrap_or_else(|failure| failure.print());
            Ok(ExitCode::from(ExitError::ACTION_NEEDED))
        }
        outcome => outcome.map(|()| ExitCode::SUCCESS),
    }
}

/// Opened database.
enum Opened {
    /// SQLite database of a check, which a server may have open.
    ToRead(Arc<ForeignObjects>),
    Store(Store),
}

impl Opened {
    async fn of(database: &DatabaseConfig, sync: &DirectorySync, delete: bool) -> anyhow::Result<Self> {
        if let DatabaseConfig::Sqlite(options) = database {
            // Also before objects are deleted: the command migrates no schema.
            let objects = ForeignObjects::open(&options.path).context("cannot open the database")?;
            if !delete {
                return Ok(Self::ToRead(Arc::new(objects)));
            }
        }
        Ok(Self::Store(Store::open(database, sync).await?))
    }

    fn objects(&self) -> Arc<dyn Objects> {
        match self {
            Self::ToRead(objects) => objects.clone(),
            Self::Store(store) => store.storage(),
        }
    }

    async fn close(&self) -> anyhow::Result<()> {
        match self {
            Self::ToRead(objects) => Ok(objects.require_quiet()?),
            Self::Store(store) => {
                store.close().await;
                Ok(())
            }
        }
    }
}

fn as_text(finding: &Finding) -> String {
    match finding {
        Finding::Orphan { name, size } => format!("orphan {name} ({size} bytes)"),
        Finding::UnfinishedUpload { name } => format!("unfinished {name}"),
        Finding::UnknownName { name } => format!("unknown name {name}"),
        Finding::Missing { name } => format!("missing {name}"),
        Finding::SizeMismatch { name, expected, actual } => {
            format!("wrong size {name} ({actual} bytes instead of {expected})")
        }
    }
}

fn as_json(finding: &Finding) -> Value {
    match finding {
        Finding::Orphan { name, size } => json!({ "finding": "orphan", "name": name.as_str(), "size": size }),
        Finding::UnfinishedUpload { name } => json!({ "finding": "unfinished", "name": name.as_str() }),
        Finding::UnknownName { name } => json!({ "finding": "unknown_name", "name": name.as_str() }),
        Finding::Missing { name } => json!({ "finding": "missing", "name": name.as_str() }),
        Finding::SizeMismatch { name, expected, actual } => {
            json!({ "finding": "wrong_size", "name": name.as_str(), "expected": expected, "actual": actual })
        }
    }
}

fn summary_as_text(summary: &FsckSummary) -> String {
    let FsckSummary { objects, files, findings, pending_delete } = summary;
    format!("{objects} objects, {files} files, {findings} findings, {pending_delete} to be removed")
}

fn summary_as_json(summary: &FsckSummary) -> Value {
    let FsckSummary { objects, files, findings, pending_delete } = summary;
    json!({ "objects": objects, "files": files, "findings": findings, "pending_delete": pending_delete })
}

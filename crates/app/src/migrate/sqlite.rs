//! Migrator commands on SQLite: `up` to the latest version, and `status`.

use std::path::{Path, PathBuf};

use anyhow::anyhow;
use less_sync_disk::DirectorySync;
use less_sync_storage_sqlite::{SchemaEntry, SchemaState, migrate, schema_status};

use super::arguments::UpArguments;
use super::output;
use super::schema::{Migration, Schema};
use crate::exit_error::ExitError;

/// Path of the database file in a `sqlite:` URL.
pub(super) fn path(rest: &str) -> anyhow::Result<PathBuf> {
    let path = rest.strip_prefix("//").unwrap_or(rest);
    if path.is_empty() || path.contains(":memory:") || path.contains('?') {
        return Err(anyhow!("invalid database address: expected sqlite: and the path of a file"));
    }
    Ok(PathBuf::from(path))
}

pub(super) fn up(path: &Path, sync: &DirectorySync, arguments: &UpArguments) -> Result<(), ExitError> {
    if arguments.to.is_some() || arguments.adopt_goose || arguments.allow_drift {
        return Err(unsupported("up --to, --adopt-goose or --allow-drift"));
    }
    if arguments.dry_run {
        return plan(path);
    }
    for step in migrate(path, sync).map_err(anyhow::Error::new)? {
        output::print(&output::step("applied", step.version, step.description, step.took))?;
    }
    output::print("migrations complete")
}

fn plan(path: &Path) -> Result<(), ExitError> {
    let status = schema_status(path).map_err(anyhow::Error::new)?;
    if let Some(obstacle) = status.obstacle {
        return Err(ExitError::from(anyhow::Error::new(obstacle)));
    }
    for entry in status.entries.iter().filter(|entry| entry.state == SchemaState::Pending) {
        output::print(&format!(
            "planned version={} name={}",
            entry.version,
            output::name(&entry.description)
        ))?;
    }
    Ok(())
}

pub(super) fn schema(path: &Path) -> Result<Schema, ExitError> {
    let status = schema_status(path).map_err(anyhow::Error::new)?;
    let is_done = |entry: &SchemaEntry| entry.state == SchemaState::Applied;
    Ok(Schema {
        version: status.version,
        latest: status
            .entries
            .iter()
            .filter(|entry| entry.state != SchemaState::Foreign)
            .map(|entry| entry.version)
            .max()
            .unwrap_or(0),
        current: status.obstacle.is_none() && status.entries.iter().all(is_done),
        fingerprint: None,
        drift: None,
        obstacle: status.obstacle.map(|obstacle| obstacle.to_string()),
        migrations: status.entries.into_iter().map(Migration::from).collect(),
        notes: Vec::new(),
    })
}

impl From<SchemaEntry> for Migration {
    fn from(entry: SchemaEntry) -> Self {
        let state = match entry.state {
            SchemaState::Applied => "applied",
            SchemaState::Pending => "pending",
            SchemaState::Foreign => "foreign",
            SchemaState::Modified => "modified",
            SchemaState::Partial => "partial",
        };
        Self {
            version: entry.version,
            name: output::name(&entry.description),
            state,
            installed_on: entry.installed_on,
            ms: entry.took.map(output::milliseconds),
        }
    }
}

/// Error for a command that only PostgreSQL supports.
pub(super) fn unsupported(command: &str) -> ExitError {
    ExitError::usage(anyhow!("not supported for SQLite databases: {command}"))
}

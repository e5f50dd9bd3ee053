//! What the migrator does with an embedded database: it only goes forwards, and only all the way.

use std::path::{Path, PathBuf};

use anyhow::anyhow;
use less_sync_storage_sqlite::{SchemaEntry, SchemaState, migrate, schema_status};

use super::arguments::UpArguments;
use super::schema::{Migration, Schema};
use super::words;
use crate::failure::Failure;

/// The file that an address names after `sqlite:`.
pub(super) fn path(rest: &str) -> anyhow::Result<PathBuf> {
    let path = rest.strip_prefix("//").unwrap_or(rest);
    if path.is_empty() || path.contains(":memory:") || path.contains('?') {
        return Err(anyhow!("invalid database address: expected sqlite: and the path of a file"));
    }
    Ok(PathBuf::from(path))
}

pub(super) fn up(path: &Path, arguments: &UpArguments) -> Result<(), Failure> {
    if arguments.to.is_some() || arguments.adopt_goose || arguments.allow_drift {
        return Err(cannot("up --to, --adopt-goose or --allow-drift"));
    }
    if arguments.dry_run {
        return plan(path);
    }
    for step in migrate(path).map_err(anyhow::Error::new)? {
        words::print(&words::step("applied", step.version, step.description, step.took))?;
    }
    words::print("migrations complete")
}

fn plan(path: &Path) -> Result<(), Failure> {
    let status = schema_status(path).map_err(anyhow::Error::new)?;
    if let Some(obstacle) = status.obstacle {
        return Err(Failure::from(anyhow::Error::new(obstacle)));
    }
    for entry in status.entries.iter().filter(|entry| entry.state == SchemaState::Pending) {
        words::print(&format!("planned version={} name={}", entry.version, words::name(&entry.description)))?;
    }
    Ok(())
}

pub(super) fn schema(path: &Path) -> Result<Schema, Failure> {
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
            name: words::name(&entry.description),
            state,
            installed_on: entry.installed_on,
            ms: entry.took.map(words::milliseconds),
        }
    }
}

/// What only PostgreSQL databases know.
pub(super) fn cannot(command: &str) -> Failure {
    Failure::usage(anyhow!("sqlite databases have no {command}"))
}

//! Status of the schema: applied and pending migrations, for tools beside the server.

use std::path::Path;
use std::time::Duration;

use super::history::{Applied, MIGRATIONS, Migration, check, checksum, history};
use crate::OpenError;
use crate::foreign_database::ForeignDatabase;

/// Status of the schema of a database.
#[derive(Debug)]
pub struct SchemaStatus {
    /// The highest version that is applied; 0 if none is.
    pub version: i64,
    /// Every migration of this build and of the database, ascending.
    pub entries: Vec<SchemaEntry>,
    /// Reason for which this build rejects the database; `None` if it accepts it.
    pub obstacle: Option<OpenError>,
}

/// Migration in a status report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaEntry {
    /// Version of the migration.
    pub version: i64,
    /// Name of the migration.
    pub description: String,
    /// State of the migration.
    pub state: SchemaState,
    /// Time of application, as RFC 3339 in UTC.
    pub installed_on: Option<String>,
    /// Duration of the migration.
    pub took: Option<Duration>,
}

/// State of a migration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SchemaState {
    /// Applied.
    Applied,
    /// Not applied yet.
    Pending,
    /// Applied by another build; unknown to this one.
    Foreign,
    /// Applied in a form that this build does not know.
    Modified,
    /// Begun by another tool, without a recorded end.
    Partial,
}

/// Reads where the database at `path` stands, also while a server has it open. Makes and changes nothing: a file that
/// is not there is an empty database.
///
/// # Errors
/// The file cannot be read as a database.
pub fn schema_status(path: &Path) -> Result<SchemaStatus, OpenError> {
    let is_there = path.try_exists();
    let is_there = is_there.map_err(|source| OpenError::Files { path: path.to_owned(), source })?;
    if !is_there {
        return Ok(status(&[], None));
    }
    let db = ForeignDatabase::open(path)?;
    match history(&db) {
        Ok(applied) => Ok(status(&applied, check(&applied).err())),
        Err(OpenError::UnknownSchema) => Ok(status(&[], Some(OpenError::UnknownSchema))),
        Err(error) => Err(error),
    }
}

fn status(history: &[Applied], obstacle: Option<OpenError>) -> SchemaStatus {
    let mut entries: Vec<_> = history.iter().map(done).collect();
    let is_pending = |ours: &&Migration| !history.iter().any(|row| row.version == ours.version);
    entries.extend(MIGRATIONS.iter().filter(is_pending).map(pending));
    entries.sort_by_key(|entry| entry.version);
    let version = history.iter().rfind(|row| row.success).map_or(0, |row| row.version);
    SchemaStatus { version, entries, obstacle }
}

fn done(row: &Applied) -> SchemaEntry {
    let ours = MIGRATIONS.iter().find(|ours| ours.version == row.version);
    let state = match ours {
        _ if !row.success => SchemaState::Partial,
        None => SchemaState::Foreign,
        Some(ours) if row.checksum == checksum(ours) => SchemaState::Applied,
        Some(_) => SchemaState::Modified,
    };
    SchemaEntry {
        version: row.version,
        description: row.description.clone(),
        state,
        installed_on: Some(row.installed_on.clone()),
        took: Some(Duration::from_nanos(u64::try_from(row.execution_time).unwrap_or(0))),
    }
}

fn pending(ours: &Migration) -> SchemaEntry {
    SchemaEntry {
        version: ours.version,
        description: ours.description.to_owned(),
        state: SchemaState::Pending,
        installed_on: None,
        took: None,
    }
}

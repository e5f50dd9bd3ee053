//! Status of the schema: applied and pending migrations, drift and obstacles.

use std::time::Duration;

use super::catalog::{Catalog, Drift, Fingerprint};
use super::files::{self, Migration};
use super::history::{self, Applied};
use super::position::{self, Position};
use super::run::{self, Leftover};
use super::{MigrateError, owners};
use crate::session::Session;

/// Status of the schema of a database. Reading it changes nothing and waits for no lock.
#[derive(Debug)]
pub struct Status {
    /// The highest version that is applied; 0 if none is.
    pub version: i64,
    /// Every migration of this build and of the database, ascending.
    pub entries: Vec<Entry>,
    /// The fingerprint of the schema; nothing without one.
    pub fingerprint: Option<Fingerprint>,
    /// First difference between the schema and the catalog of its version.
    pub drift: Option<Drift>,
    /// Reason for which a migration would stop before its first step, apart from drift.
    pub obstacle: Option<MigrateError>,
    /// Files may belong to no record of their space: the constraint has not been validated.
    pub unvalidated: bool,
}

/// Migration in a status report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Version of the migration.
    pub version: i64,
    /// Name of the migration.
    pub description: String,
    /// State of the migration.
    pub state: State,
    /// Time of application, as RFC 3339 in UTC.
    pub installed_on: Option<String>,
    /// Duration of the migration.
    pub took: Option<Duration>,
    /// Index of an interrupted run, and its handling in the next run.
    pub note: Option<String>,
}

/// State of a migration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Applied.
    Applied,
    /// Pending.
    Pending,
    /// Unknown to this build.
    Foreign,
    /// Checksum mismatch.
    Modified,
    /// Begun by another tool, without a recorded end.
    Partial,
}

impl State {
    /// Name in messages and in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Pending => "pending",
            Self::Foreign => "foreign",
            Self::Modified => "modified",
            Self::Partial => "partial",
        }
    }
}

impl Status {
    /// True if nothing is pending and there is neither an obstacle nor drift.
    #[must_use]
    pub fn is_current(&self) -> bool {
        self.drift.is_none()
            && self.obstacle.is_none()
            && self.entries.iter().all(|entry| entry.state == State::Applied)
    }
}

pub(crate) async fn read(db: &mut Session) -> Result<Status, MigrateError> {
    let history = history::read(db).await?;
    let (schema_version, obstacle) = match position::find(db).await {
        Ok(Position::At(version)) => (version, None),
        Ok(Position::Goose(found)) => (0, Some(MigrateError::Goose(found))),
        Err(MigrateError::Database(error)) => return Err(MigrateError::Database(error)),
        Err(obstacle) => (0, Some(obstacle)),
    };
    let catalog = Catalog::read(db, schema_version).await?;
    let drift = if obstacle.is_none() { catalog.drift_from(&Catalog::of(schema_version)) } else { None };
    Ok(Status {
        version: highest(&history),
        entries: entries(db, &history, obstacle.as_ref()).await?,
        fingerprint: (!catalog.is_empty()).then(|| catalog.fingerprint()),
        drift,
        obstacle,
        unvalidated: owners::is_open(db).await?,
    })
}

/// Highest version with a recorded end.
pub(crate) fn highest(history: &[Applied]) -> i64 {
    history.iter().rfind(|row| row.success).map_or(0, |row| row.version)
}

async fn entries(
    db: &mut Session,
    history: &[Applied],
    obstacle: Option<&MigrateError>,
) -> Result<Vec<Entry>, MigrateError> {
    let newer_original = matches!(obstacle, Some(MigrateError::NewerOriginal));
    let mut entries: Vec<Entry> = history.iter().map(|row| done(row, newer_original)).collect();
    for ours in files::after(0) {
        if !history.iter().any(|row| row.version == ours.version) {
            entries.push(pending(db, ours).await?);
        }
    }
    entries.sort_by_key(|entry| entry.version);
    Ok(entries)
}

fn done(row: &Applied, newer_original: bool) -> Entry {
    let state = match files::find(row.version) {
        _ if !row.success => State::Partial,
        None => State::Foreign,
        Some(ours) if row.is(ours) => State::Applied,
        Some(_) if newer_original => State::Foreign,
        Some(_) => State::Modified,
    };
    Entry {
        version: row.version,
        description: row.description.clone(),
        state,
        installed_on: Some(row.installed_on.clone()),
        took: Some(row.took()),
        note: None,
    }
}

async fn pending(db: &mut Session, ours: &Migration) -> sqlx::Result<Entry> {
    let note = match ours.up().index() {
        None => None,
        Some(index) => run::leftover(db, index).await?.map(|leftover| explain(index, leftover)),
    };
    Ok(Entry {
        version: ours.version,
        description: ours.description(),
        state: State::Pending,
        installed_on: None,
        took: None,
        note,
    })
}

fn explain(index: &str, leftover: Leftover) -> String {
    match leftover {
        Leftover::Invalid => {
            format!(
                "an interrupted run left index {index} unfinished; the next run drops and builds it again"
            )
        }
        Leftover::Complete => {
            format!("an interrupted run left index {index} complete; the next run keeps it")
        }
    }
}

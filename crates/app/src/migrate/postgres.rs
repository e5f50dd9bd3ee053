//! Migrator commands on PostgreSQL.

use std::error::Error;
use std::fmt;
use std::io::{self, IsTerminal as _};

use less_sync_process::print_stderr;
use less_sync_storage_postgres::migrate::{
    self, Down, Event, MigrateError, Migrator, Step, StrayFile, Target, Up, latest_version,
};

use super::arguments::{DownArguments, UpArguments};
use super::output;
use super::schema::{Migration, Schema};
use crate::exit_error::ExitError;

pub(super) async fn up(migrator: &Migrator, arguments: &UpArguments) -> Result<(), ExitError> {
    let UpArguments { to, dry_run, adopt_goose, allow_drift } = *arguments;
    let up = Up { to, adopt_goose, allow_drift, dry_run };
    let mut printer = EventPrinter::default();
    let outcome = migrator.up(&up, &mut |event| printer.print_event(&event)).await;
    outcome.map_err(exit_error)?;
    printer.finish()?;
    if dry_run { Ok(()) } else { output::print("migrations complete") }
}

pub(super) async fn down(migrator: &Migrator, arguments: &DownArguments) -> Result<(), ExitError> {
    let DownArguments { to, steps, allow_data_loss, dry_run } = *arguments;
    let target = to.map_or_else(|| Target::Steps(steps.unwrap_or(1)), Target::Version);
    let down = Down { target, allow_data_loss, dry_run };
    let mut printer = EventPrinter::default();
    let outcome = migrator.down(&down, &mut |event| printer.print_event(&event)).await;
    outcome.map_err(exit_error)?;
    printer.finish()
}

pub(super) async fn adopt(migrator: &Migrator) -> Result<(), ExitError> {
    let version = migrator.adopt().await.map_err(exit_error)?;
    output::print(&format!("adopted version={version}"))
}

pub(super) async fn schema(migrator: &Migrator) -> Result<Schema, ExitError> {
    let status = migrator.status().await.map_err(exit_error)?;
    let mut notes: Vec<String> = status.entries.iter().filter_map(|entry| entry.note.clone()).collect();
    if status.unvalidated {
        notes.push("constraint files_record_fk is not validated; `up` tries again".to_owned());
    }
    Ok(Schema {
        version: status.version,
        latest: latest_version(),
        current: status.is_current(),
        fingerprint: status.fingerprint.map(|fingerprint| fingerprint.to_string()),
        drift: status.drift.map(|drift| drift.to_string()),
        obstacle: status.obstacle.map(|obstacle| obstacle.to_string()),
        migrations: status.entries.into_iter().map(Migration::from).collect(),
        notes,
    })
}

impl From<migrate::Entry> for Migration {
    fn from(entry: migrate::Entry) -> Self {
        Self {
            version: entry.version,
            name: output::name(&entry.description),
            state: entry.state.as_str(),
            installed_on: entry.installed_on,
            ms: entry.took.map(output::milliseconds),
        }
    }
}

/// Prints migration events as they happen, and keeps the first write error.
#[derive(Debug, Default)]
struct EventPrinter {
    write_error: Option<ExitError>,
}

impl EventPrinter {
    fn print_event(&mut self, event: &Event) {
        match event {
            Event::Waiting => print_stderr("waiting for another migrator"),
            Event::Started(step) => print_started(step),
            Event::Adopted(version) => self.print(&format!("adopted version={version}")),
            Event::Applied(step) => {
                self.print(&output::step("applied", step.version, &step.description, step.took));
            }
            Event::Reverted(step) => {
                self.print(&output::step("reverted", step.version, &step.description, step.took));
            }
            Event::Planned(step) => {
                let name = output::name(&step.description);
                self.print(&format!("planned version={} name={name}", step.version));
            }
            Event::Drifted(drift) => print_stderr(&format!("warning: schema drift: {drift}")),
            Event::StrayFiles(files) => warn_of(files),
        }
    }

    fn print(&mut self, line: &str) {
        if let Err(error) = output::print(line) {
            self.write_error.get_or_insert(error);
        }
    }

    fn finish(self) -> Result<(), ExitError> {
        self.write_error.map_or(Ok(()), Err)
    }
}

/// Announces a step on a terminal, since a step may take minutes.
fn print_started(step: &Step) {
    if io::stderr().is_terminal() {
        print_stderr(&format!("version {}: {} …", step.version, step.description));
    }
}

fn warn_of(files: &[StrayFile]) {
    print_stderr(
        "warning: files without a record in their space; constraint files_record_fk stays NOT VALID",
    );
    for StrayFile { space_id, file_id, record_id } in files {
        print_stderr(&format!("  space={space_id} file={file_id} record={record_id}"));
    }
}

/// Adds a hint for the operator at the end of the causes.
pub(super) fn exit_error(error: MigrateError) -> ExitError {
    match error.hint() {
        None => ExitError::from(anyhow::Error::new(error)),
        Some(hint) => ExitError::from(anyhow::Error::new(Hinted { hint: Hint(hint), error })),
    }
}

/// An error with a hint as its last cause.
#[derive(Debug)]
struct Hinted {
    error: MigrateError,
    hint: Hint,
}

#[derive(Debug)]
struct Hint(String);

impl fmt::Display for Hinted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)?;
        match self.error.source() {
            Some(cause) => write!(f, ": {cause}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "hint: {}", self.0)
    }
}

impl Error for Hint {}

impl Error for Hinted {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.hint)
    }
}

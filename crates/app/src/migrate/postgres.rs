//! What the migrator does with a PostgreSQL database, and says about it.

use std::error::Error;
use std::fmt;
use std::io::{self, IsTerminal as _};

use less_sync_storage_postgres::migrate::{
    self, Down, Event, MigrateError, Migrator, Step, StrayFile, Target, Up, latest_version,
};

use super::arguments::{DownArguments, UpArguments};
use super::schema::{Migration, Schema};
use super::words;
use crate::failure::{Failure, say};

pub(super) async fn up(migrator: &Migrator, arguments: &UpArguments) -> Result<(), Failure> {
    let UpArguments { to, dry_run, adopt_goose, allow_drift } = *arguments;
    let up = Up { to, adopt_goose, allow_drift, dry_run };
    let mut teller = Teller::default();
    let outcome = migrator.up(&up, &mut |event| teller.tell(&event)).await;
    teller.finish()?;
    outcome.map_err(failure)?;
    if dry_run { Ok(()) } else { words::print("migrations complete") }
}

pub(super) async fn down(migrator: &Migrator, arguments: &DownArguments) -> Result<(), Failure> {
    let DownArguments { to, steps, allow_data_loss, dry_run } = *arguments;
    let target = to.map_or_else(|| Target::Steps(steps.unwrap_or(1)), Target::Version);
    let down = Down { target, allow_data_loss, dry_run };
    let mut teller = Teller::default();
    let outcome = migrator.down(&down, &mut |event| teller.tell(&event)).await;
    teller.finish()?;
    outcome.map(drop).map_err(failure)
}

pub(super) async fn adopt(migrator: &Migrator) -> Result<(), Failure> {
    let version = migrator.adopt().await.map_err(failure)?;
    words::print(&format!("adopted version={version}"))
}

pub(super) async fn schema(migrator: &Migrator) -> Result<Schema, Failure> {
    let status = migrator.status().await.map_err(failure)?;
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
            name: words::name(&entry.description),
            state: entry.state.as_str(),
            installed_on: entry.installed_on,
            ms: entry.took.map(words::milliseconds),
        }
    }
}

/// Says what happens as it happens; keeps the first reason why nobody hears it.
#[derive(Debug, Default)]
struct Teller {
    deaf: Option<Failure>,
}

impl Teller {
    fn tell(&mut self, event: &Event) {
        match event {
            Event::Waiting => say("waiting for another migrator"),
            Event::Started(step) => started(step),
            Event::Adopted(version) => self.print(&format!("adopted version={version}")),
            Event::Applied(step) => {
                self.print(&words::step("applied", step.version, &step.description, step.took));
            }
            Event::Reverted(step) => {
                self.print(&words::step("reverted", step.version, &step.description, step.took));
            }
            Event::Planned(step) => {
                let name = words::name(&step.description);
                self.print(&format!("planned version={} name={name}", step.version));
            }
            Event::Drifted(drift) => say(&format!("warning: schema drift: {drift}")),
            Event::StrayFiles(files) => warn_of(files),
        }
    }

    fn print(&mut self, line: &str) {
        if let Err(failure) = words::print(line) {
            self.deaf.get_or_insert(failure);
        }
    }

    fn finish(self) -> Result<(), Failure> {
        self.deaf.map_or(Ok(()), Err)
    }
}

/// For whoever sits in front of it: a step may take minutes.
fn started(step: &Step) {
    if io::stderr().is_terminal() {
        say(&format!("version {}: {} …", step.version, step.description));
    }
}

fn warn_of(files: &[StrayFile]) {
    say("warning: files belong to no record of their space; constraint files_record_fk stays NOT VALID");
    for StrayFile { space_id, file_id, record_id } in files {
        say(&format!("  space={space_id} file={file_id} record={record_id}"));
    }
}

/// With a hint for the operator at the end of the causes.
fn failure(error: MigrateError) -> Failure {
    match error.hint() {
        None => Failure::from(anyhow::Error::new(error)),
        Some(hint) => Failure::from(anyhow::Error::new(Hinted { hint: Hint(hint), error })),
    }
}

/// An error whose last cause is what to do about it.
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

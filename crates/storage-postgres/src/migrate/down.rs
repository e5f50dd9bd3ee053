//! Reverting run: from the current version back to an older one.

use super::MigrateError;
use super::files::{self, MIGRATIONS, Migration};
use super::position::{self, Position};
use super::run::{self, Event, Listener, Step};
use super::script::Loss;
use crate::session::Session;

/// End of a reverting run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// After this many steps, or at the empty database.
    Steps(u32),
    /// At this version.
    Version(i64),
}

/// Options of a reverting run.
#[derive(Clone, Debug)]
pub struct Down {
    /// End of the run.
    pub target: Target,
    /// Accept the loss of data.
    pub allow_data_loss: bool,
    /// Report the planned steps without taking them.
    pub dry_run: bool,
}

impl Default for Down {
    fn default() -> Self {
        Self { target: Target::Steps(1), allow_data_loss: false, dry_run: false }
    }
}

pub(crate) async fn run(db: &mut Session, down: &Down, tell: Listener<'_>) -> Result<i64, MigrateError> {
    let version = match position::find(db).await? {
        Position::At(version) => version,
        Position::Goose(found) => return Err(MigrateError::Goose(found)),
    };
    let (steps, reached) = plan(version, down.target)?;
    if !down.allow_data_loss {
        reject_loss(db, &steps).await?;
    }
    if down.dry_run {
        steps.into_iter().map(Step::planned).for_each(|step| tell(Event::Planned(step)));
        return Ok(version);
    }
    clear_leftovers(db, version).await?;
    for step in steps {
        tell(Event::Started(Step::planned(step)));
        tell(Event::Reverted(run::revert(db, step).await?));
    }
    Ok(reached)
}

/// The steps, latest first, and the version that they lead to.
fn plan(from: i64, target: Target) -> Result<(Vec<&'static Migration>, i64), MigrateError> {
    let to = match target {
        Target::Steps(steps) => (from - i64::from(steps)).max(0),
        Target::Version(to) if (0..=from).contains(&to) => to,
        Target::Version(to) => return Err(MigrateError::Target { from, to }),
    };
    let steps = MIGRATIONS.iter().rev().filter(|migration| (to + 1..=from).contains(&migration.version));
    Ok((steps.collect(), to))
}

/// Checks all steps before the first is taken.
async fn reject_loss(db: &mut Session, steps: &[&Migration]) -> Result<(), MigrateError> {
    for step in steps {
        let loses = match step.down().loss() {
            Loss::Never => false,
            Loss::Always => true,
            Loss::When(question) => sqlx::query_scalar(question).fetch_one(&mut *db).await?,
        };
        if loses {
            return Err(MigrateError::LosesData(step.version));
        }
    }
    Ok(())
}

/// Drops indexes of later migrations that an interrupted run, up or down, has left.
async fn clear_leftovers(db: &mut Session, version: i64) -> Result<(), MigrateError> {
    for later in files::after(version) {
        if let Some(index) = later.up().index()
            && run::leftover(db, index).await?.is_some()
        {
            run::clear(db, later).await?;
        }
    }
    Ok(())
}

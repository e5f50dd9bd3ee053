//! Migrating run: from the current version to a newer one.

use super::files::{self, Migration};
use super::position::{self, Position};
use super::run::{self, Event, Listener, Step};
use super::{MigrateError, adopt, catalog, history, owners};
use crate::session::Session;

/// Options of a migrating run.
#[derive(Clone, Debug, Default)]
pub struct Up {
    /// Version to stop at; default: the latest.
    pub to: Option<i64>,
    /// Adopt the migration history of the first-generation server.
    pub adopt_goose: bool,
    /// Continue despite schema drift.
    pub allow_drift: bool,
    /// List the planned migrations without applying them.
    pub dry_run: bool,
}

pub(crate) async fn run(db: &mut Session, up: &Up, tell: Listener<'_>) -> Result<i64, MigrateError> {
    let version = start(db, up, tell).await?;
    let steps = plan(version, up.to)?;
    if up.dry_run {
        steps.into_iter().map(Step::planned).for_each(|step| tell(Event::Planned(step)));
        return Ok(version);
    }
    history::prepare(db).await?;
    for step in &steps {
        tell(Event::Started(Step::planned(step)));
        tell(Event::Applied(run::apply(db, step).await?));
    }
    let reached = steps.last().map_or(version, |step| step.version);
    let strays = owners::validate(db, reached).await?;
    if !strays.is_empty() {
        tracing::warn!(files = strays.len(), "found files without a record in their space");
        tell(Event::StrayFiles(strays));
    }
    if !steps.is_empty() {
        judge_drift(db, reached, up, tell).await?;
    }
    Ok(reached)
}

/// Determines the version to start from.
async fn start(db: &mut Session, up: &Up, tell: Listener<'_>) -> Result<i64, MigrateError> {
    let version = match position::find(db).await? {
        Position::At(version) => version,
        Position::Goose(found) if !up.adopt_goose => return Err(MigrateError::Goose(found)),
        Position::Goose(_) if up.dry_run => return adopt::verify(db).await,
        Position::Goose(_) => {
            let version = adopt::run(db).await?;
            tell(Event::Adopted(version));
            version
        }
    };
    judge_drift(db, version, up, tell).await?;
    Ok(version)
}

async fn judge_drift(
    db: &mut Session,
    version: i64,
    up: &Up,
    tell: Listener<'_>,
) -> Result<(), MigrateError> {
    match catalog::drift(db, version).await? {
        None => Ok(()),
        Some(drift) if !up.allow_drift => Err(MigrateError::Drift(drift)),
        Some(drift) => {
            tracing::warn!(%drift, "schema drift ignored");
            tell(Event::Drifted(drift));
            Ok(())
        }
    }
}

fn plan(from: i64, to: Option<i64>) -> Result<Vec<&'static Migration>, MigrateError> {
    let to = to.unwrap_or_else(files::latest_version);
    if to < from || to > files::latest_version() {
        return Err(MigrateError::Target { from, to });
    }
    Ok(files::after(from).take_while(|migration| migration.version <= to).collect())
}

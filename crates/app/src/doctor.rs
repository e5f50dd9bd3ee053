//! `doctor` command: examines the machine, the database and the neighbours of a server with its configuration, changes
//! nothing, and says what to do (operations §10.3).

mod cause;
mod database;
mod file_system;
mod surroundings;

use std::path::Path;
use std::time::Duration;

use less_sync_doctor::{Check, Finding, Report};
use less_sync_engine::{Clock as _, KeySetSource};

use crate::clock::SystemClock;
use crate::config::{Config, DatabaseConfig, FileStore};
use crate::file_limit;
use crate::key_sets::HttpKeySets;
use file_system::Purpose;

/// Time limit of each check.
const LIMIT: Duration = Duration::from_secs(20);

/// Examines the surroundings of a server with this configuration.
pub(crate) async fn examine(config: &Config) -> Report {
    let source = HttpKeySets::default();
    let mut report = Report::default();
    for finding in less_sync_doctor::run(checks(config, &source)).await {
        report.add(finding);
    }
    report
}

fn checks<'a>(config: &'a Config, source: &'a dyn KeySetSource) -> Vec<Check<'a>> {
    let settings = config
        .warnings
        .iter()
        .map(|warning| Finding::warn("settings", warning.clone(), "see docs/configuration.md"));
    let mut settings: Vec<Finding> = settings.collect();
    if settings.is_empty() {
        settings.push(Finding::ok("settings", format!("{} are set", config.given().len())));
    }
    settings.push(surroundings::descriptors(config, file_limit::current()));
    settings.extend(surroundings::certificate(config, SystemClock.now()));
    vec![
        Check::new("settings", LIMIT, async { settings }),
        Check::new("database", LIMIT, database(config)),
        Check::new("file-system", LIMIT, blocking_directories(config)),
        Check::new("objects", LIMIT, surroundings::objects(config)),
        Check::new("issuer-keys", LIMIT, surroundings::issuers(&config.tokens.issuers, source)),
    ]
}

async fn database(config: &Config) -> Vec<Finding> {
    match &config.database {
        DatabaseConfig::Sqlite(options) => {
            let options = options.clone();
            blocking(move || database::sqlite(&options)).await
        }
        DatabaseConfig::Postgres(options) => database::postgres(options, || SystemClock.now()).await,
    }
}

/// File systems of the database file and of the objects.
async fn blocking_directories(config: &Config) -> Vec<Finding> {
    let mut directories = Vec::new();
    if let DatabaseConfig::Sqlite(options) = &config.database {
        let parent = options.path.parent().filter(|parent| !parent.as_os_str().is_empty());
        directories.push((Purpose::Database, parent.unwrap_or(Path::new(".")).to_owned()));
    }
    if let Some(FileStore::Local(directory)) = &config.files.store {
        directories.push((Purpose::Objects, directory.clone()));
    }
    blocking(move || {
        directories
            .iter()
            .flat_map(|(purpose, directory)| file_system::examine(*purpose, directory))
            .collect()
    })
    .await
}

/// Runs checks that block on files.
async fn blocking(work: impl FnOnce() -> Vec<Finding> + Send + 'static) -> Vec<Finding> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|_| {
        vec![Finding::fail("doctor", "a check panicked", "report this with the output above")]
    })
}

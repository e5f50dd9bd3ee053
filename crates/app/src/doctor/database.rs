//! Checks of the database: reachability, settings, clock, schema, query plans.

use std::path::Path;

use anyhow::Error;
use less_sync_core::Timestamp;
use less_sync_doctor::Finding;
use less_sync_storage::UnusedIndex;
use less_sync_storage_postgres::migrate::{Migrator, latest_version};
use less_sync_storage_postgres::{Inspection, PostgresOptions, Writes};
use less_sync_storage_sqlite::{SchemaState, SqliteOptions, schema_status};

use super::cause::{advice, chain};

const DATABASE: &str = "database";
const SCHEMA: &str = "schema";
const PLANS: &str = "plans";

/// Sessions of other programs: migrator, backup, monitoring (operations §11.3).
const OTHER_SESSIONS: u32 = 5;

/// Difference of the clocks in milliseconds above which times in the database are misleading.
const CLOCK_WARNING: u64 = 5_000;
/// Difference in milliseconds above which rate limits and expiries are wrong.
const CLOCK_FAILURE: u64 = 60_000;

/// Examines an embedded database, also while a server has it open.
pub(super) fn sqlite(options: &SqliteOptions) -> Vec<Finding> {
    if !options.path.exists() {
        let seen = format!("{} does not exist yet: the server creates it", options.path.display());
        return vec![Finding::ok(DATABASE, seen)];
    }
    let status = match schema_status(&options.path) {
        Ok(status) => status,
        Err(error) => return vec![failed(DATABASE, &Error::from(error))],
    };
    let mut findings = vec![Finding::ok(DATABASE, format!("SQLite, {}", options.path.display()))];
    if let Some(obstacle) = status.obstacle {
        findings.push(failed(SCHEMA, &Error::from(obstacle)));
        return findings;
    }
    let pending = status.entries.iter().filter(|entry| entry.state == SchemaState::Pending).count();
    findings.push(schema(status.version, pending, true));
    if pending == 0 {
        findings.push(sqlite_plans(&options.path));
    }
    findings
}

fn sqlite_plans(path: &Path) -> Finding {
    match less_sync_storage_sqlite::unused_indexes(path) {
        Ok(unused) => plans(&unused),
        Err(error) => failed(PLANS, &Error::from(error)),
    }
}

/// Examines a database server.
pub(super) async fn postgres(options: &PostgresOptions, now: impl Fn() -> Timestamp) -> Vec<Finding> {
    let before = now();
    let inspection = match less_sync_storage_postgres::inspect(options).await {
        Ok(inspection) => inspection,
        Err(error) => return vec![failed(DATABASE, &Error::from(error))],
    };
    let mut findings = vec![server(&inspection)];
    findings.extend(durability(&inspection));
    findings.push(sessions(&inspection, options.max_connections));
    findings.push(clock(inspection.time, before, now()));
    let migrator = Migrator::new(options.migration_url.clone().unwrap_or_else(|| options.url.clone()));
    let is_current = match migrator.status().await {
        Err(error) => {
            findings.push(failed(SCHEMA, &Error::from(error)));
            false
        }
        Ok(status) => {
            let is_current = status.is_current();
            findings.push(match (status.obstacle, status.drift) {
                (Some(obstacle), _) => failed(SCHEMA, &Error::from(obstacle)),
                (None, Some(drift)) => Finding::fail(
                    SCHEMA,
                    format!("differs from version {}: {drift}", status.version),
                    "undo the change, or restore a backup: another program has changed the tables",
                ),
                (None, None) => {
                    let pending = latest_version().saturating_sub(status.version).max(0);
                    schema(
                        status.version,
                        usize::try_from(pending).unwrap_or_default(),
                        options.run_migrations,
                    )
                }
            });
            is_current
        }
    };
    if is_current {
        findings.push(match less_sync_storage_postgres::unused_indexes(options).await {
            Ok(unused) => plans(&unused),
            Err(error) => failed(PLANS, &Error::from(error)),
        });
    }
    findings
}

fn server(inspection: &Inspection) -> Finding {
    let version = &inspection.version;
    match inspection.writes {
        Writes::Accepted => Finding::ok(DATABASE, format!("PostgreSQL {version}")),
        Writes::Standby => {
            let advice = "let DATABASE_URL lead to the primary";
            Finding::fail(DATABASE, format!("PostgreSQL {version}, a standby"), advice)
        }
        Writes::ReadOnly => {
            let advice = "reset default_transaction_read_only of the role, the database or the server";
            Finding::fail(DATABASE, format!("PostgreSQL {version}, read-only"), advice)
        }
    }
}

fn durability(inspection: &Inspection) -> Vec<Finding> {
    const CHECK: &str = "durability";
    let mut findings = Vec::new();
    if !inspection.fsync {
        let advice = "set fsync = on: a crash of the machine may destroy the database";
        findings.push(Finding::fail(CHECK, "fsync = off", advice));
    }
    if inspection.synchronous_commit == "off" {
        let advice = "set synchronous_commit = on: a crash loses pushes that clients take for stored";
        findings.push(Finding::fail(CHECK, "synchronous_commit = off", advice));
    }
    if !inspection.full_page_writes {
        let advice = "set full_page_writes = on, unless the file system writes pages atomically";
        findings.push(Finding::warn(CHECK, "full_page_writes = off", advice));
    }
    if findings.is_empty() {
        let seen = format!("fsync = on, synchronous_commit = {}", inspection.synchronous_commit);
        findings.push(Finding::ok(CHECK, seen));
    }
    findings
}

fn sessions(inspection: &Inspection, wanted: u32) -> Finding {
    const CHECK: &str = "sessions";
    let seen = format!("{} sessions, DATABASE_MAX_CONNECTIONS is {wanted}", inspection.sessions);
    if wanted + OTHER_SESSIONS > inspection.sessions {
        let advice = "raise max_connections of PostgreSQL, or lower DATABASE_MAX_CONNECTIONS";
        return Finding::fail(CHECK, seen, advice);
    }
    Finding::ok(CHECK, seen)
}

fn clock(database: Timestamp, before: Timestamp, after: Timestamp) -> Finding {
    const CHECK: &str = "clock";
    let millis = database.millis();
    let ahead = millis.saturating_sub(after.millis());
    let behind = before.millis().saturating_sub(millis);
    let difference = u64::try_from(ahead.max(behind)).unwrap_or_default();
    let (seen, advice) = (
        format!("the database is {} s off", difference / 1000),
        "synchronize the clocks of both machines (NTP)",
    );
    if difference > CLOCK_FAILURE {
        Finding::fail(CHECK, seen, advice)
    } else if difference > CLOCK_WARNING {
        Finding::warn(CHECK, seen, advice)
    } else {
        Finding::ok(CHECK, "as the clock of the database")
    }
}

fn schema(version: i64, pending: usize, is_migrating: bool) -> Finding {
    let seen = format!("version {version}, {pending} migrations pending");
    match (pending, is_migrating) {
        (0, _) => Finding::ok(SCHEMA, format!("version {version}")),
        (_, true) => Finding::warn(SCHEMA, seen, "make a backup: the next start of the server applies them"),
        (_, false) => Finding::fail(SCHEMA, seen, "run `less-sync-migrate up`: RUN_MIGRATIONS is false"),
    }
}

fn plans(unused: &[UnusedIndex]) -> Finding {
    if unused.is_empty() {
        return Finding::ok(PLANS, "statements use their indexes");
    }
    let shown: Vec<_> =
        unused.iter().map(|unused| format!("{} without {}", unused.statement, unused.index)).collect();
    let advice = "create the index again as in migrations/, and run ANALYZE: statements read whole tables";
    Finding::fail(PLANS, shown.join(", "), advice)
}

fn failed(check: &'static str, error: &Error) -> Finding {
    Finding::fail(check, chain(error), advice(error))
}

#[cfg(test)]
mod tests {
    use less_sync_doctor::Verdict;

    use super::*;

    fn inspection() -> Inspection {
        Inspection {
            version: "15.4".to_owned(),
            synchronous_commit: "on".to_owned(),
            fsync: true,
            full_page_writes: true,
            sessions: 97,
            writes: Writes::Accepted,
            time: Timestamp::from_millis(0),
        }
    }

    #[test]
    fn settings_that_lose_acknowledged_pushes_fail() {
        let verdicts = |inspection: &Inspection| {
            durability(inspection).iter().map(|finding| finding.verdict).collect::<Vec<_>>()
        };
        assert_eq!(verdicts(&inspection()), [Verdict::Ok]);
        assert_eq!(verdicts(&Inspection { fsync: false, ..inspection() }), [Verdict::Fail]);
        let unsynchronized = Inspection { synchronous_commit: "off".to_owned(), ..inspection() };
        assert_eq!(verdicts(&unsynchronized), [Verdict::Fail]);
        assert_eq!(verdicts(&Inspection { full_page_writes: false, ..inspection() }), [Verdict::Warn]);
    }

    #[test]
    fn read_only_server_and_too_few_sessions_fail() {
        assert_eq!(server(&inspection()).verdict, Verdict::Ok);
        for writes in [Writes::Standby, Writes::ReadOnly] {
            assert_eq!(server(&Inspection { writes, ..inspection() }).verdict, Verdict::Fail);
        }
        assert_eq!(
            [92, 93].map(|wanted| sessions(&inspection(), wanted).verdict),
            [Verdict::Ok, Verdict::Fail]
        );
    }

    #[test]
    fn clocks_that_differ_are_a_warning_and_then_a_failure() {
        let at = |seconds: i64| {
            let now = Timestamp::from_seconds(1000);
            clock(Timestamp::from_seconds(1000 + seconds), now, now).verdict
        };
        assert_eq!([0, 5, -5].map(at), [Verdict::Ok; 3]);
        assert_eq!([6, -60].map(at), [Verdict::Warn; 2]);
        assert_eq!([61, -3600].map(at), [Verdict::Fail; 2]);
    }

    #[test]
    fn pending_migrations_fail_where_nothing_applies_them() {
        assert_eq!(schema(3, 0, false).verdict, Verdict::Ok);
        assert_eq!(schema(3, 2, true).verdict, Verdict::Warn);
        assert_eq!(schema(3, 2, false).verdict, Verdict::Fail);
    }
}

//! Checker of the invariants (storage §10), for a database that may be in use.

use less_sync_core::SpaceId;
use less_sync_storage::{MAX_VIOLATIONS, Verified, VerifyReport, Violation};
use sqlx::AssertSqlSafe;
use uuid::Uuid;

use super::{MigrateError, jump};
use crate::session::Session;

const OF_SPACE: &str = include_str!("verify/space.sql");
const OF_DATABASE: &str = include_str!("verify/database.sql");

/// Spaces of one query.
const PAGE: i64 = 1000;

/// Checks the invariants of every space from `from` on, each in one statement and so in one snapshot, and those of the
/// whole database.
pub(crate) async fn run(
    db: &mut Session,
    from: Option<SpaceId>,
    report: &mut dyn VerifyReport,
) -> Result<Verified, MigrateError> {
    jump::require_current(db).await?;
    let (mut verified, mut after) = (Verified::default(), None);
    loop {
        let page =
            "SELECT id FROM spaces WHERE ($1::uuid IS NULL OR id >= $1) AND ($2::uuid IS NULL OR id > $2)
                    ORDER BY id LIMIT $3";
        let page = sqlx::query_scalar(page).bind(from.map(|from| from.as_uuid())).bind(after).bind(PAGE);
        let page: Vec<Uuid> = page.fetch_all(&mut *db).await?;
        for id in &page {
            let space = SpaceId::from(*id);
            let select = sqlx::query_as(AssertSqlSafe(limited(OF_SPACE))).bind(id);
            for (text, row) in select.fetch_all(&mut *db).await? {
                verified.violations += 1;
                report.violation(Violation { space: Some(space), text, row });
            }
            verified.spaces += 1;
            report.checked(space, verified);
        }
        match page.last() {
            Some(last) => after = Some(*last),
            None => break,
        }
    }
    let rows: Vec<(String, Option<Uuid>)> =
        sqlx::query_as(AssertSqlSafe(limited(OF_DATABASE))).fetch_all(&mut *db).await?;
    for (text, space) in rows {
        verified.violations += 1;
        report.violation(Violation { space: space.map(SpaceId::from), text, row: None });
    }
    Ok(verified)
}

fn limited(sql: &str) -> String {
    format!("{sql}\nLIMIT {MAX_VIOLATIONS}")
}

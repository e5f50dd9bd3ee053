//! Stored bytes of spaces and of their owners (storage §3.20), for writes outside the push functions. The functions are those of
//! `migrations/postgres/028_stored_bytes.sql`.

use less_sync_storage::stored::CorruptRow;
use less_sync_storage::{Quota, Quotas};
use uuid::Uuid;

use crate::session::Session;

/// Outcome of a function of the database for a write beyond the quota of its space.
pub(crate) const SPACE_QUOTA_EXCEEDED: i32 = 9;
/// Outcome for a write beyond the quota of the owner of its space.
pub(crate) const USER_QUOTA_EXCEEDED: i32 = 10;

/// A quota as a parameter.
pub(crate) fn parameter(quota: Option<u64>) -> Option<i64> {
    quota.map(|bytes| i64::try_from(bytes).unwrap_or(i64::MAX))
}

/// Decides about a write that changes the stored bytes of the space by `growth`, under the lock of the space. The row of the
/// owner is locked from then on. A write that adds no bytes, and any write without quotas, needs no query.
pub(crate) async fn check(
    db: &mut Session,
    quotas: Quotas,
    space: Uuid,
    growth: i64,
) -> Result<Result<(), Quota>, sqlx::Error> {
    if growth <= 0 || quotas.is_unlimited() {
        return Ok(Ok(()));
    }
    let outcome = sqlx::query_scalar!(
        r#"SELECT less_sync_admit_1($1, $2, $3, $4) AS "outcome!""#,
        space,
        growth,
        parameter(quotas.space),
        parameter(quotas.user),
    );
    match outcome.fetch_one(db).await? {
        0 => Ok(Ok(())),
        SPACE_QUOTA_EXCEEDED => Ok(Err(Quota::Space)),
        USER_QUOTA_EXCEEDED => Ok(Err(Quota::User)),
        _ => Err(sqlx::Error::Decode(CorruptRow("outcome of a quota").into())),
    }
}

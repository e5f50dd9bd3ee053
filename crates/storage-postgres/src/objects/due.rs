//! Claims of due entries of the object queue, and its state.
//!
//! Objects of deleted files are marked for deletion after the shortest grace; a longer one is added
//! to it when they are looked for. A claim increments `attempts`: an entry with
//! `attempts > 0` has had its grace.

use std::convert::Infallible;
use std::time::Duration;

use less_sync_storage::stored::CorruptRow;
use less_sync_storage::{ClaimDue, DueObject, OBJECT_GRACE, ObjectQueueState, UploadId};

use crate::clock::micros;
use crate::session::Session;
use crate::transaction::{Aborted, Transaction, plan_by_key};

/// Claims the entries that have been due for longest.
pub(super) struct Claiming {
    pub(super) claim: ClaimDue,
}

impl Transaction for Claiming {
    type Outcome = Vec<DueObject>;
    type Rejection = Infallible;

    /// Claims due entries. The branches read an index of their own each, in order. SKIP LOCKED passes over entries that another process is claiming, so
    /// claims do not wait for each other. After the update no commit finds a claimed attempt (storage R7). The CTEs are
    /// MATERIALIZED so that LIMIT applies before the join.
    async fn run(&self, db: &mut Session) -> Result<Vec<DueObject>, Aborted> {
        plan_by_key(db).await?;
        let claimed = sqlx::query!(
            r#"WITH past AS MATERIALIZED (
                   SELECT space_id, upload_id, not_before AS since FROM blob_uploads
                   WHERE (NOT pending_delete OR attempts > 0) AND not_before <= now()
                   ORDER BY not_before LIMIT $1 FOR UPDATE SKIP LOCKED
               ), past_grace AS MATERIALIZED (
                   SELECT space_id, upload_id, not_before + $2::bigint * interval '1 microsecond' AS since
                   FROM blob_uploads
                   WHERE pending_delete AND attempts = 0 AND not_before <= now() - $2::bigint * interval '1 microsecond'
                   ORDER BY not_before LIMIT $1 FOR UPDATE SKIP LOCKED
               ), due AS MATERIALIZED (
                   SELECT * FROM past UNION ALL SELECT * FROM past_grace ORDER BY since LIMIT $1
               )
               UPDATE blob_uploads u
               SET pending_delete = true, attempts = attempts + 1, not_before = now() + $3::bigint * interval '1 microsecond'
               FROM due WHERE u.space_id = due.space_id AND u.upload_id = due.upload_id
               RETURNING u.space_id, u.upload_id, u.object_key, u.attempts - 1 AS "attempts!",
                         (extract(epoch FROM due.since) * 1000000)::bigint AS "since!""#,
            i64::try_from(self.claim.limit).unwrap_or(i64::MAX),
            beyond_shortest(self.claim.grace),
            micros(self.claim.lease),
        );
        let mut rows = claimed.fetch_all(db).await?;
        rows.sort_by_key(|row| row.since);
        let due = rows.into_iter().map(|row| {
            Ok(DueObject {
                space: row.space_id.into(),
                entry: UploadId::from_bytes(row.upload_id.into_bytes()),
                name: row.object_key.into(),
                attempts: u32::try_from(row.attempts).map_err(|_| CorruptRow("count of attempts"))?,
            })
        });
        due.collect()
    }
}

/// State of the queue as seen by a sweeper with this grace.
pub(super) async fn state(db: &mut Session, grace: Duration) -> Result<ObjectQueueState, sqlx::Error> {
    let counted = sqlx::query!(
        r#"SELECT count(*) FILTER (WHERE NOT pending_delete AND not_before > now()) AS "uploads!",
                  count(*) FILTER (WHERE pending_delete OR not_before <= now()) AS "pending_delete!",
                  (extract(epoch FROM now() - least(
                      min(not_before) FILTER (WHERE NOT pending_delete OR attempts > 0),
                      min(not_before) FILTER (WHERE pending_delete AND attempts = 0) + $1::bigint * interval '1 microsecond'
                  )) * 1000000)::bigint AS overdue
           FROM blob_uploads"#,
        beyond_shortest(grace),
    );
    let row = counted.fetch_one(db).await?;
    let overdue = row.overdue.and_then(|overdue| u64::try_from(overdue).ok());
    Ok(ObjectQueueState {
        uploads: row.uploads.unsigned_abs(),
        pending_delete: row.pending_delete.unsigned_abs(),
        oldest_due: overdue.map(Duration::from_micros),
    })
}

/// Grace beyond the shortest one, which `not_before` of objects of deleted files includes already.
fn beyond_shortest(grace: Duration) -> i64 {
    micros(grace.saturating_sub(OBJECT_GRACE))
}

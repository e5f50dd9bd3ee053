//! Leases of the jobs that one process of a deployment runs for all (operations §4).
//!
//! A lease is a row, and every operation on it one statement: it needs no session, and so works through proxies that pool
//! transactions. All times are taken from the clock of the database, so that the clocks of the processes do not matter.

use std::time::Duration;

use less_sync_storage::StorageError;
use sqlx::Row as _;
use uuid::Uuid;

use crate::PostgresStorage;
use crate::clock::micros;
use crate::error::storage_error;
use crate::pool::Class;
use crate::read::statement;

/// Claims a job that is due or whose run has been abandoned. A time that is hours further ahead than a claim puts it was
/// written by a clock that has been set back since, or comes from a restored database: it counts as passed. The hour is for
/// claims that waited for the row: their `now()` is earlier than that of the claim before them.
const CLAIM: &str = "
    WITH claimed AS (
        INSERT INTO job_leases AS lease (job, holder, expires_at, due_at)
        VALUES ($1, $2, now() + $3::bigint * interval '1 microsecond', now() + $4::bigint * interval '1 microsecond')
        ON CONFLICT (job) DO UPDATE
        SET holder = excluded.holder, expires_at = excluded.expires_at, due_at = excluded.due_at
        WHERE CASE
            WHEN lease.holder IS NULL THEN lease.due_at <= now() OR lease.due_at > excluded.due_at + interval '1 hour'
            WHEN lease.holder = excluded.holder THEN true
            ELSE lease.expires_at <= now() OR lease.expires_at > excluded.expires_at + interval '1 hour'
        END
        RETURNING job
    )
    SELECT EXISTS (SELECT FROM claimed) AS is_held,
           (SELECT extract(epoch FROM succeeded_at)::bigint FROM job_leases WHERE job = $1) AS succeeded";

const EXTEND: &str = "
    UPDATE job_leases SET expires_at = now() + $3::bigint * interval '1 microsecond' WHERE job = $1 AND holder = $2";

/// A failed run is due at once, for whichever process comes first.
const RELEASE: &str = "
    UPDATE job_leases
    SET holder = NULL,
        due_at = CASE WHEN $3 THEN due_at ELSE now() END,
        succeeded_at = CASE WHEN $3 THEN now() ELSE succeeded_at END
    WHERE job = $1 AND holder = $2";

/// Times of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobTimes {
    /// Time after which the run counts as abandoned, unless the lease is extended.
    pub lease: Duration,
    /// Time from the start of a run to the next one.
    pub period: Duration,
}

/// Outcome of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobClaim {
    /// The caller runs the job now.
    Held,
    /// The job is not due, or another process runs it.
    Elsewhere {
        /// Unix time of the last success on any process, in seconds; `None`: none yet.
        succeeded: Option<i64>,
    },
}

impl PostgresStorage {
    /// Claims the next run of `job` for `holder`. A job that is not known yet is due. A run that was claimed and neither
    /// extended nor released within its lease may be claimed by another process, and by its own holder at any time.
    ///
    /// # Errors
    /// Failures of the database only. The claim may have taken effect; the run then counts as abandoned later.
    pub async fn claim_job(
        &self,
        job: &str,
        holder: Uuid,
        times: JobTimes,
    ) -> Result<JobClaim, StorageError> {
        let row = statement!(self.pool, Class::Job, |db| {
            sqlx::query(CLAIM)
                .bind(job)
                .bind(holder)
                .bind(micros(times.lease))
                .bind(micros(times.period))
                .fetch_one(db)
        })?;
        if row.try_get("is_held").map_err(storage_error)? {
            return Ok(JobClaim::Held);
        }
        Ok(JobClaim::Elsewhere { succeeded: row.try_get("succeeded").map_err(storage_error)? })
    }

    /// Extends the lease of a run by `lease` from now. False: the run is not the holder's any more.
    ///
    /// # Errors
    /// Failures of the database only.
    pub async fn extend_job(&self, job: &str, holder: Uuid, lease: Duration) -> Result<bool, StorageError> {
        let extended = statement!(self.pool, Class::Job, |db| {
            sqlx::query(EXTEND).bind(job).bind(holder).bind(micros(lease)).execute(db)
        });
        extended.map(|extended| extended.rows_affected() > 0)
    }

    /// Ends a run. After a failure the job is due at once. Without effect if the run is not the holder's any more.
    ///
    /// # Errors
    /// Failures of the database only.
    pub async fn release_job(
        &self,
        job: &str,
        holder: Uuid,
        has_succeeded: bool,
    ) -> Result<(), StorageError> {
        let released = statement!(self.pool, Class::Job, |db| {
            sqlx::query(RELEASE).bind(job).bind(holder).bind(has_succeeded).execute(db)
        });
        released.map(drop)
    }
}

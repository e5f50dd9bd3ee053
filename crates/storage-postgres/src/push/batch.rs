//! Batch of pushes in one statement.

use std::ops::Range;

use less_sync_core::RecordId;
use less_sync_storage::stored::CorruptRow;
use less_sync_storage::{DeletedFile, Quotas};
use uuid::Uuid;

use super::job::Job;
use super::outcome::{PushOutcome, PushRow, Verdict};
use super::single_record::{self, content};
use crate::session::Session;
use crate::usage::parameter;

/// Behaviour at locks of spaces and of their owners.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Locks {
    /// Pushes to a locked space, or to one that has to be counted, are not applied.
    Skip,
    /// Locks are waited for, and spaces counted.
    Wait,
}

/// Applies the pushes, each all or nothing by itself, in one round trip and one transaction. `jobs` are ordered by
/// space, touch no record twice, and get their verdicts in the same order.
pub(super) async fn apply(
    connection: &mut Session,
    locks: Locks,
    quotas: Quotas,
    jobs: &[Job],
) -> Result<Vec<Verdict>, sqlx::Error> {
    connection.expect_upload(jobs.iter().map(Job::bytes).sum());
    if let [job] = jobs
        && let [change] = &**job.push.changes()
    {
        let row = single_record::apply(connection, locks == Locks::Wait, quotas, job, change).await?;
        return Ok(vec![row.verdict(std::iter::once(change.id))]);
    }
    let row = Parameters::of(jobs).send(connection, locks == Locks::Wait, quotas).await?;
    row.verdicts(jobs).ok_or_else(|| sqlx::Error::Decode(CorruptRow("outcomes of a batch").into()))
}

/// The pushes as columns.
#[derive(Default)]
struct Parameters<'j> {
    spaces: Vec<Uuid>,
    shared: Vec<bool>,
    oldest: Vec<Option<i64>>,
    sizes: Vec<i32>,
    updates: Vec<i32>,
    bytes: Vec<i64>,
    bearer: Vec<i32>,
    cids: Vec<String>,
    push: Vec<i32>,
    ids: Vec<Uuid>,
    expected: Vec<i64>,
    blobs: Vec<Option<&'j [u8]>>,
    deks: Vec<Option<&'j [u8]>>,
}

impl<'j> Parameters<'j> {
    fn of(jobs: &'j [Job]) -> Self {
        let mut parameters = Self::default();
        for (job, number) in jobs.iter().zip(1..) {
            parameters.add(job, number);
        }
        parameters
    }

    fn add(&mut self, job: &'j Job, number: i32) {
        let mut updates = 0;
        for change in &**job.push.changes() {
            let (blob, dek) = content(&change.state);
            let expected = change.expected.as_i64();
            updates += i32::from(expected != 0);
            self.push.push(number);
            self.ids.push(change.id.as_uuid());
            self.expected.push(expected);
            self.blobs.push(blob);
            self.deks.push(dek);
        }
        let cids = job.cids();
        self.spaces.push(job.space.as_uuid());
        self.shared.push(cids.is_some());
        for cid in cids.into_iter().flatten() {
            self.bearer.push(number);
            self.cids.push(cid);
        }
        self.oldest.push(job.push.oldest_epoch().map(i64::from));
        // At most STATEMENT_ROWS.
        self.sizes.push(i32::try_from(job.rows()).unwrap_or(i32::MAX));
        self.updates.push(updates);
        self.bytes.push(job.push.stored_bytes());
    }

    async fn send(
        self,
        connection: &mut Session,
        wait: bool,
        quotas: Quotas,
    ) -> Result<BatchRow, sqlx::Error> {
        let applied = sqlx::query_as!(
            BatchRow,
            r#"SELECT outcomes AS "outcomes!", space_cursors AS "space_cursors!: Vec<Option<i64>>",
                      key_generations AS "key_generations!: Vec<Option<i32>>",
                      rewrap_epochs AS "rewrap_epochs!: Vec<Option<i32>>", mismatches AS "mismatches!",
                      deleted_files, deleted_by
               FROM less_sync_push_2($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)"#,
            wait,
            parameter(quotas.space),
            parameter(quotas.user),
            &self.spaces,
            &self.shared,
            // The macro has no type for arrays with NULL elements; `as` names it.
            &self.oldest as &[Option<i64>],
            &self.sizes,
            &self.updates,
            &self.bytes,
            &self.bearer,
            &self.cids,
            &self.push,
            &self.ids,
            &self.expected,
            &self.blobs as &[Option<&[u8]>],
            &self.deks as &[Option<&[u8]>],
        );
        // Reads to the end of the response: only then is the statement committed.
        applied.fetch_one(connection).await
    }
}

/// The outcomes as columns; an element per push, except in `mismatches`.
struct BatchRow {
    outcomes: Vec<i32>,
    space_cursors: Vec<Option<i64>>,
    key_generations: Vec<Option<i32>>,
    rewrap_epochs: Vec<Option<i32>>,
    /// Changes, numbered from 1 through all pushes, ascending.
    mismatches: Vec<i32>,
    deleted_files: Option<Vec<Uuid>>,
    /// The change, numbered from 1 through all pushes, that deleted the record of each of those.
    deleted_by: Option<Vec<i32>>,
}

impl BatchRow {
    /// `None` when an outcome is missing.
    fn verdicts(&self, jobs: &[Job]) -> Option<Vec<Verdict>> {
        let (mut mismatches, mut first) = (self.mismatches.iter().copied().peekable(), 1);
        let mut verdicts = Vec::with_capacity(jobs.len());
        for (place, job) in jobs.iter().enumerate() {
            let after = first + i32::try_from(job.rows()).ok()?;
            let of_job = std::iter::from_fn(|| mismatches.next_if(|change| *change < after));
            let of_job: Vec<RecordId> = of_job.filter_map(|change| record(job, change - first)).collect();
            let deleted_files = self.deleted_by(job, first..after);
            verdicts.push(self.push_row(place, deleted_files)?.verdict(of_job.into_iter()));
            first = after;
        }
        Some(verdicts)
    }

    fn push_row(&self, place: usize, deleted_files: Vec<DeletedFile>) -> Option<PushRow> {
        Some(PushRow {
            outcome: PushOutcome::try_from(*self.outcomes.get(place)?),
            space_cursor: self.space_cursors.get(place).copied().flatten(),
            key_generation: self.key_generations.get(place).copied().flatten(),
            rewrap_epoch: self.rewrap_epochs.get(place).copied().flatten(),
            deleted_files,
        })
    }

    /// The files that went with records of one push, whose changes are these.
    fn deleted_by(&self, job: &Job, changes: Range<i32>) -> Vec<DeletedFile> {
        let files = self.deleted_files.iter().flatten().zip(self.deleted_by.iter().flatten());
        let of_job = files.filter(|(_, by)| changes.contains(*by));
        let deleted = |(file, by): (&Uuid, &i32)| {
            Some(DeletedFile { id: (*file).into(), record: record(job, *by - changes.start)? })
        };
        of_job.filter_map(deleted).collect()
    }
}

fn record(job: &Job, place: i32) -> Option<RecordId> {
    job.push.changes().get(usize::try_from(place).ok()?).map(|change| change.id)
}

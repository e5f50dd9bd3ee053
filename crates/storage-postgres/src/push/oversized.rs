//! Oversized push: one transaction of several bounded statements (storage T5).
//!
//! The rules are those of the functions in `migrations/postgres/028_stored_bytes.sql`, in the same order. Each
//! statement has a snapshot of its own, so the records are read after the space is locked.

use less_sync_core::{Cursor, RecordId};
use less_sync_storage::{Change, DeletedFile, Quota, Quotas, RecordState};
use uuid::Uuid;

use super::job::{Job, STATEMENT_BYTES, STATEMENT_ROWS};
use super::outcome::{NAMED_MISMATCHES, PushOutcome, PushRow, Verdict};
use super::single_record::content;
use crate::access::any_revoked;
use crate::session::Session;
use crate::transaction::plan_by_key;
use crate::usage;

/// Applies every change or none, and waits for the lock of the space.
pub(super) async fn apply(
    connection: &mut Session,
    quotas: Quotas,
    job: &Job,
) -> Result<Verdict, sqlx::Error> {
    // READ COMMITTED: each statement has its own snapshot, taken after the lock of the space was obtained. In one statement
    // with the lock, the records would be read as of before the wait for it.
    let mut transaction = connection.begin().await?;
    plan_by_key(&mut transaction).await?;
    let (mut row, mismatches) = decide(&mut transaction, job).await?;
    let mut growth = 0;
    if let Ok(PushOutcome::Committed) = row.outcome {
        growth = growth_of(&mut transaction, job).await?;
        row.outcome = Ok(match usage::check(&mut transaction, quotas, job.space.as_uuid(), growth).await? {
            Ok(()) => PushOutcome::Committed,
            Err(Quota::Space) => PushOutcome::SpaceQuotaExceeded,
            Err(Quota::User) => PushOutcome::UserQuotaExceeded,
        });
    }
    if let (Ok(PushOutcome::Committed), Some(at)) = (&row.outcome, row.space_cursor) {
        // Pieces bound the memory of the server process and of this one; the transaction makes them one push.
        for changes in statements(job.push.changes()) {
            let files = write(&mut transaction, job.space.as_uuid(), changes, at).await?;
            row.deleted_files.extend(files);
        }
        move_cursor(&mut transaction, job.space.as_uuid(), at, growth).await?;
        transaction.commit().await?;
    } else {
        transaction.rollback().await?;
    }
    Ok(row.verdict(mismatches.into_iter()))
}

/// The space as it is under its lock.
struct Locked {
    cursor: i64,
    key_generation: i32,
    rewrap_epoch: Option<i32>,
    shared: bool,
    remote: bool,
    /// The oldest epoch that it accepts, when it is shared.
    minimum: i32,
}

/// The outcome, with the cursor that the space will have, and the records that are not where they are expected.
async fn decide(connection: &mut Session, job: &Job) -> Result<(PushRow, Vec<RecordId>), sqlx::Error> {
    let mut row = PushRow {
        outcome: Ok(PushOutcome::SpaceNotFound),
        space_cursor: None,
        key_generation: None,
        rewrap_epoch: None,
        deleted_files: Vec::new(),
    };
    let Some(space) = lock(connection, job.space.as_uuid()).await? else {
        return Ok((row, Vec::new()));
    };
    row.space_cursor = Some(space.cursor);
    row.key_generation = Some(space.key_generation);
    row.rewrap_epoch = space.rewrap_epoch;
    if let Some(rejection) = rejection(connection, job, &space).await? {
        row.outcome = Ok(rejection);
        return Ok((row, Vec::new()));
    }
    let mismatches = mismatches(connection, job).await?;
    row.outcome = Ok(match space.cursor.checked_add(1) {
        _ if !mismatches.is_empty() => PushOutcome::Conflict,
        Some(next) if next <= Cursor::MAX.as_i64() => {
            row.space_cursor = Some(next);
            PushOutcome::Committed
        }
        _ => PushOutcome::CursorExhausted,
    });
    Ok((row, mismatches))
}

/// Rejection of any push by this caller to this space, whatever its content.
async fn rejection(
    connection: &mut Session,
    job: &Job,
    space: &Locked,
) -> Result<Option<PushOutcome>, sqlx::Error> {
    let cids = job.cids();
    if cids.is_some() != space.shared {
        return Ok(Some(PushOutcome::SpaceKindMismatch));
    }
    if space.remote {
        return Ok(Some(PushOutcome::SpaceIsRemote));
    }
    let Some(cids) = cids else { return Ok(None) };
    if any_revoked(connection, job.space.as_uuid(), &cids).await? {
        return Ok(Some(PushOutcome::Revoked));
    }
    let stale = job.push.oldest_epoch().is_some_and(|oldest| i64::from(oldest) < i64::from(space.minimum));
    Ok(stale.then_some(PushOutcome::EpochStale))
}

async fn lock(connection: &mut Session, space: Uuid) -> Result<Option<Locked>, sqlx::Error> {
    let locked = sqlx::query_as!(
        Locked,
        r#"SELECT cursor, key_generation, rewrap_epoch, root_public_key IS NOT NULL AS "shared!",
                  home_server IS NOT NULL AS "remote!", min_key_generation AS minimum
           FROM spaces WHERE id = $1 FOR NO KEY UPDATE"#,
        space,
    );
    locked.fetch_optional(connection).await
}

/// The first of them, as many as a conflict names.
async fn mismatches(connection: &mut Session, job: &Job) -> Result<Vec<RecordId>, sqlx::Error> {
    let mut found = Vec::new();
    for changes in job.push.changes().chunks(STATEMENT_ROWS) {
        let (ids, expected): (Vec<Uuid>, Vec<i64>) =
            changes.iter().map(|change| (change.id.as_uuid(), change.expected.as_i64())).unzip();
        let mismatching = sqlx::query_scalar!(
            r#"SELECT change.id AS "id!"
               FROM unnest($2::uuid[], $3::bigint[]) WITH ORDINALITY AS change (id, expected, place)
               WHERE expected <> coalesce((
                   SELECT r.cursor FROM records r WHERE r.space_id = $1 AND r.id = change.id), 0)
               ORDER BY place LIMIT $4"#,
            job.space.as_uuid(),
            &ids,
            &expected,
            i64::try_from(NAMED_MISMATCHES - found.len()).unwrap_or(0),
        );
        found.extend(mismatching.fetch_all(&mut *connection).await?.into_iter().map(RecordId::from));
        if found.len() >= NAMED_MISMATCHES {
            break;
        }
    }
    Ok(found)
}

/// Stored bytes that the push adds: those of its records afterwards, less those of the same records before and of the files that
/// are deleted with them.
async fn growth_of(connection: &mut Session, job: &Job) -> Result<i64, sqlx::Error> {
    let mut growth = job.push.stored_bytes();
    for changes in job.push.changes().chunks(STATEMENT_ROWS) {
        let (ids, dead): (Vec<Uuid>, Vec<bool>) = changes
            .iter()
            .map(|change| (change.id.as_uuid(), change.state == RecordState::Tombstone))
            .unzip();
        // A subquery for each change, by key: for a space of average size, a join would be planned to read the whole space.
        let replaced = sqlx::query_scalar!(
            r#"SELECT coalesce(sum((
                   SELECT 128 + coalesce(octet_length(r.blob), 0) + CASE WHEN r.wrapped_dek IS NULL THEN 0 ELSE 44 END
                   FROM records r WHERE r.space_id = $1 AND r.id = change.id
               )), 0)::bigint + coalesce(sum((
                   SELECT sum(f.size + octet_length(f.wrapped_dek)) FROM files f
                   WHERE change.dead AND f.space_id = $1 AND f.record_id = change.id AND NOT f.deleted
               )), 0)::bigint AS "bytes!"
               FROM unnest($2::uuid[], $3::boolean[]) AS change (id, dead)"#,
            job.space.as_uuid(),
            &ids,
            &dead,
        );
        growth = growth.saturating_sub(replaced.fetch_one(&mut *connection).await?);
    }
    Ok(growth)
}

/// The changes in pieces for one statement each, in their order. A blob larger than a piece is one by itself.
fn statements(changes: &[Change]) -> impl Iterator<Item = &[Change]> {
    let mut rest = changes;
    std::iter::from_fn(move || {
        let (mut rows, mut bytes) = (0, 0);
        for change in rest.iter().take(STATEMENT_ROWS) {
            bytes += change.state.blob_bytes();
            if rows > 0 && bytes > STATEMENT_BYTES {
                break;
            }
            rows += 1;
        }
        let (piece, left) = rest.split_at_checked(rows)?;
        rest = left;
        (!piece.is_empty()).then_some(piece)
    })
}

/// Writes a piece of the push under the new cursor `at`. Returns the files that went with their records.
async fn write(
    connection: &mut Session,
    space: Uuid,
    changes: &[Change],
    at: i64,
) -> Result<Vec<DeletedFile>, sqlx::Error> {
    // Creates and updates are statements of their own: an upsert could not tell a record that must not exist yet from one
    // whose cursor was compared.
    let (creates, updates): (Vec<_>, Vec<_>) =
        changes.iter().partition(|change| change.expected == Cursor::ZERO);
    insert(connection, space, &creates, at).await?;
    update(connection, space, &updates, at).await?;
    let dead = changes.iter().filter(|change| change.state == RecordState::Tombstone);
    let dead: Vec<Uuid> = dead.map(|change| change.id.as_uuid()).collect();
    if dead.is_empty() {
        return Ok(Vec::new());
    }
    let (spaces, cursors) = (vec![space; dead.len()], vec![at; dead.len()]);
    let tombstone = sqlx::query!(
        "SELECT files, dead FROM less_sync_tombstone_files_1($1, $2, $3)",
        &spaces,
        &dead,
        &cursors
    );
    let tombstoned = tombstone.fetch_one(connection).await?;
    let files = tombstoned.files.into_iter().flatten().zip(tombstoned.dead.into_iter().flatten());
    Ok(files.filter_map(|(file, place)| deleted(file, &dead, place)).collect())
}

/// A file, and the record at this place of `dead`, counted from 1.
fn deleted(file: Uuid, dead: &[Uuid], place: i64) -> Option<DeletedFile> {
    let record = dead.get(usize::try_from(place.checked_sub(1)?).ok()?)?;
    Some(DeletedFile { id: file.into(), record: (*record).into() })
}

async fn insert(
    connection: &mut Session,
    space: Uuid,
    changes: &[&Change],
    at: i64,
) -> Result<(), sqlx::Error> {
    connection.expect_upload(upload(changes));
    let (ids, _, blobs, deks) = columns(changes);
    let inserted = sqlx::query!(
        "INSERT INTO records (space_id, id, cursor, deleted, wrapped_dek, blob)
         SELECT $1, change.id, $2, change.blob IS NULL, change.dek, change.blob
         FROM unnest($3::uuid[], $4::bytea[], $5::bytea[]) AS change (id, blob, dek)
         ON CONFLICT (space_id, id) DO NOTHING",
        space,
        at,
        &ids,
        // The macro has no type for arrays with NULL elements; `as` names it.
        &blobs as &[Option<&[u8]>],
        &deks as &[Option<&[u8]>],
    );
    all_of(changes, inserted.execute(connection).await?.rows_affected())
}

async fn update(
    connection: &mut Session,
    space: Uuid,
    changes: &[&Change],
    at: i64,
) -> Result<(), sqlx::Error> {
    connection.expect_upload(upload(changes));
    let (ids, expected, blobs, deks) = columns(changes);
    let updated = sqlx::query!(
        "UPDATE records r SET cursor = $2, deleted = change.blob IS NULL, wrapped_dek = change.dek, blob = change.blob
         FROM unnest($1::uuid[], $3::uuid[], $4::bigint[], $5::bytea[], $6::bytea[])
              AS change (space_id, id, expected, blob, dek)
         WHERE r.space_id = change.space_id AND r.id = change.id AND r.cursor = change.expected",
        // With each change: for one space, of average size, the planner would compare all its rows with all changes.
        &vec![space; changes.len()],
        at,
        &ids,
        &expected,
        &blobs as &[Option<&[u8]>],
        &deks as &[Option<&[u8]>],
    );
    all_of(changes, updated.execute(connection).await?.rows_affected())
}

/// Sum of the blobs of a statement, in bytes.
fn upload(changes: &[&Change]) -> usize {
    changes.iter().map(|change| change.state.blob_bytes()).sum()
}

type Columns<'c> = (Vec<Uuid>, Vec<i64>, Vec<Option<&'c [u8]>>, Vec<Option<&'c [u8]>>);

fn columns<'c>(changes: &[&'c Change]) -> Columns<'c> {
    let ids = changes.iter().map(|change| change.id.as_uuid()).collect();
    let expected = changes.iter().map(|change| change.expected.as_i64()).collect();
    let (blobs, deks) = changes.iter().map(|change| content(&change.state)).unzip();
    (ids, expected, blobs, deks)
}

/// Checks that all records were written: they were compared under the lock of their space, so a difference is a write
/// that bypassed the lock.
fn all_of(changes: &[&Change], written: u64) -> Result<(), sqlx::Error> {
    if usize::try_from(written) == Ok(changes.len()) {
        return Ok(());
    }
    Err(sqlx::Error::Protocol("records were written without the lock of their space".to_owned()))
}

async fn move_cursor(connection: &mut Session, space: Uuid, at: i64, growth: i64) -> Result<(), sqlx::Error> {
    let moved = sqlx::query!("SELECT less_sync_grow_1($1, $2, $3)", space, at, growth);
    moved.execute(connection).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn pieces(sizes: &[usize]) -> Vec<usize> {
        let change = |(number, size): (usize, &usize)| Change {
            id: RecordId::from_bytes((number as u128).to_be_bytes()),
            expected: Cursor::ZERO,
            state: RecordState::Live { blob: Bytes::from(vec![0; *size]), dek: None },
        };
        let changes: Vec<Change> = sizes.iter().enumerate().map(change).collect();
        let pieces: Vec<&[Change]> = statements(&changes).collect();
        assert_eq!(pieces.concat(), changes);
        pieces.into_iter().map(<[Change]>::len).collect()
    }

    #[test]
    fn pieces_end_with_their_rows_or_their_bytes() {
        assert_eq!(pieces(&[]), [0; 0]);
        assert_eq!(pieces(&vec![0; 4_500]), [2_000, 2_000, 500]);
        assert_eq!(pieces(&[3 << 20; 5]), [2, 2, 1]);
        assert_eq!(pieces(&[1, 9 << 20, 9 << 20, 1, 1]), [1, 1, 1, 2]);
    }
}

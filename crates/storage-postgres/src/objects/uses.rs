//! Uses of objects, and marking of orphans for deletion.

use std::convert::Infallible;

use less_sync_storage::stored::{CorruptRow, size};
use less_sync_storage::{ObjectKey, ObjectUse, UploadId};
use uuid::Uuid;

use crate::session::Session;
use crate::transaction::{Aborted, Transaction};

/// Looks up the uses of objects in one snapshot.
pub(super) async fn look_up(db: &mut Session, keys: &[ObjectKey]) -> Result<Vec<ObjectUse>, Aborted> {
    select(db, keys).await?.into_iter().map(|row| row.object_use().map_err(Aborted::from)).collect()
}

/// True if the object is the content of a live file.
pub(crate) async fn is_live(db: &mut Session, key: &ObjectKey) -> Result<bool, Aborted> {
    Ok(select(db, std::slice::from_ref(key)).await?.iter().any(|row| row.size.is_some()))
}

/// An object in the tables.
struct Row {
    /// Size of the live file whose content the object is.
    size: Option<i64>,
    /// True if the queued object is to be removed, false if it is being uploaded; `None` if it is not queued.
    pending_delete: Option<bool>,
}

impl Row {
    fn object_use(&self) -> Result<ObjectUse, CorruptRow> {
        Ok(match (self.size, self.pending_delete) {
            (Some(bytes), _) => ObjectUse::Live { size: size(bytes)? },
            (None, Some(_)) => ObjectUse::Queued,
            (None, None) => ObjectUse::Orphan,
        })
    }
}

/// Selects one row for each key, in their order. Each is looked up by key, whatever the statistics of the planner say.
async fn select(db: &mut Session, keys: &[ObjectKey]) -> Result<Vec<Row>, sqlx::Error> {
    let spaces: Vec<Uuid> = keys.iter().map(|key| key.space().as_uuid()).collect();
    let files: Vec<Uuid> = keys.iter().map(|key| key.file().as_uuid()).collect();
    let names: Vec<String> = keys.iter().map(ToString::to_string).collect();
    let legacy: Vec<bool> = keys.iter().map(|key| key.upload().is_none()).collect();
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT (SELECT f.size FROM files f
                   WHERE f.space_id = k.space_id AND f.id = k.file_id AND NOT f.deleted
                     AND (f.object_key = k.name OR f.object_key IS NULL AND k.legacy)) AS size,
                  (SELECT u.pending_delete OR u.not_before <= now() FROM blob_uploads u
                   WHERE u.space_id = k.space_id AND u.file_id = k.file_id AND u.object_key = k.name
                   LIMIT 1) AS pending_delete
           FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::boolean[])
                WITH ORDINALITY AS k (space_id, file_id, name, legacy, place)
           ORDER BY k.place"#,
        &spaces,
        &files,
        &names,
        &legacy,
    );
    rows.fetch_all(db).await
}

/// An entry that is due at once, unless there is one with this id.
pub(crate) async fn enqueue(
    db: &mut Session,
    object: &ObjectKey,
    id: Option<UploadId>,
) -> Result<(), sqlx::Error> {
    let written = sqlx::query!(
        "INSERT INTO blob_uploads (space_id, upload_id, file_id, object_key, not_before)
         VALUES ($1, coalesce($2, gen_random_uuid()), $3, $4, now()) ON CONFLICT DO NOTHING",
        object.space().as_uuid(),
        id.map(|id| Uuid::from_bytes(*id.as_bytes())),
        object.file().as_uuid(),
        object.to_string(),
    );
    written.execute(db).await.map(drop)
}

/// Queues an orphan like an expired upload, without a grace: there is no download that could be reading it. An orphan stays
/// one, since no commit finds an attempt for it; so no lock is needed.
pub(super) struct MarkOrphan<'a> {
    pub(super) key: &'a ObjectKey,
}

impl Transaction for MarkOrphan<'_> {
    type Outcome = bool;
    type Rejection = Infallible;

    async fn run(&self, db: &mut Session) -> Result<bool, Aborted> {
        let known = select(db, std::slice::from_ref(self.key)).await?;
        match known.first() {
            Some(Row { size: Some(_), .. }) => Ok(false),
            Some(Row { pending_delete: Some(pending_delete), .. }) => Ok(*pending_delete),
            Some(Row { size: None, pending_delete: None }) | None => {
                enqueue(db, self.key, self.key.upload()).await?;
                Ok(true)
            }
        }
    }
}

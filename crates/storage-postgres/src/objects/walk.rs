//! Paged listing of live files.

use std::convert::Infallible;

use less_sync_core::{FileId, SpaceId};
use less_sync_storage::stored::size;
use less_sync_storage::{LiveObject, ObjectKey, ObjectName};
use sqlx::Executor as _;
use uuid::Uuid;

use crate::session::Session;
use crate::transaction::{Aborted, Transaction};

/// Rows that one step visits at least and at most, tombstones included.
const STEP_ROWS: std::ops::RangeInclusive<usize> = 500..=2000;

/// Step of a walk over the live files in the order of their keys.
pub(super) struct Walk {
    pub(super) only: Option<SpaceId>,
    pub(super) after: Option<(SpaceId, FileId)>,
    /// Live files that the caller still needs.
    pub(super) needed: usize,
}

/// Result of a step.
pub(super) struct Step {
    pub(super) live: Vec<LiveObject>,
    /// Last file that was visited; `None` if none follows.
    pub(super) last: Option<(SpaceId, FileId)>,
}

impl Transaction for Walk {
    type Outcome = Step;
    type Rejection = Infallible;

    /// The row after which the walk continues comes first, if it is still there, and is left out: there is no id before the
    /// first one from which a statement could begin.
    async fn run(&self, db: &mut Session) -> Result<Step, Aborted> {
        in_order(db).await?;
        let nil = [0; 16];
        let start = (self.only.unwrap_or(SpaceId::from_bytes(nil)), FileId::from_bytes(nil));
        let (space, file) = self.after.map_or(start, |after| after.max(start));
        let limit = self.needed.clamp(*STEP_ROWS.start(), *STEP_ROWS.end()) + 1;
        let rows = sqlx::query!(
            "SELECT space_id, id, size, object_key, deleted FROM files
             WHERE (space_id, id) >= ($1, $2) AND space_id <= $3
             ORDER BY space_id, id LIMIT $4",
            space.as_uuid(),
            file.as_uuid(),
            self.only.map_or(Uuid::max(), |space| space.as_uuid()),
            i64::try_from(limit).unwrap_or(i64::MAX),
        );
        let rows = rows.fetch_all(db).await?;
        let last = rows.last().filter(|_| rows.len() == limit);
        let last = last.map(|row| (row.space_id.into(), row.id.into()));
        let mut live = Vec::new();
        for row in rows.into_iter().filter(|row| !row.deleted) {
            let (space, file) = (SpaceId::from(row.space_id), FileId::from(row.id));
            let legacy = || ObjectName::from(&ObjectKey::legacy(space, file));
            let name = row.object_key.map_or_else(legacy, ObjectName::from);
            live.push(LiveObject { name, space, file, size: size(row.size)? });
        }
        live.retain(|object| Some((object.space, object.file)) != self.after);
        Ok(Step { live, last })
    }
}

/// Makes the planner read the primary key in order. Other indexes of files begin with the space as well, and a plan on one
/// of them sorts whole spaces. A generic plan is forced because a custom one first reads the ends of the indexes to
/// estimate row counts.
async fn in_order(db: &mut Session) -> Result<(), sqlx::Error> {
    let planner = "SET LOCAL enable_sort = off; SET LOCAL enable_incremental_sort = off;
                   SET LOCAL plan_cache_mode = force_generic_plan";
    db.execute(sqlx::raw_sql(planner)).await.map(drop)
}

//! Page of a pull: a short read in index order (storage §3.7).

mod branch;
mod page_builder;

use less_sync_core::SpaceId;
use less_sync_storage::{PullPage, PullPosition, PullState, StorageError};
use rusqlite::Connection;

use self::branch::{Branch, Kind};
use self::page_builder::PageBuilder;
use crate::error::storage_error;

pub(crate) use self::page_builder::PageLimits;

/// The rows after `position`, up to the limits: a page ends with the row that reaches one of them.
///
/// Each table is read in its own order, and the rows are merged as they come: nothing is sorted, and no table is read
/// further than one row beyond the page.
pub(crate) fn page(
    db: &Connection,
    space: SpaceId,
    state: &PullState,
    position: PullPosition,
    limits: PageLimits,
) -> Result<PullPage, StorageError> {
    let prepare = |kind: Kind| db.prepare_cached(kind.sql(state.tombstones)).map_err(storage_error);
    let mut records = prepare(Kind::Record)?;
    let mut members = prepare(Kind::Member)?;
    let mut files = prepare(Kind::File)?;
    let mut branches = [
        Branch::open(Kind::Record, &mut records, space, state.cursor, position)?,
        Branch::open(Kind::Member, &mut members, space, state.cursor, position)?,
        Branch::open(Kind::File, &mut files, space, state.cursor, position)?,
    ];
    let mut page = PageBuilder::default();
    while let Some(next) = first(&mut branches) {
        if page.is_full(limits) {
            // The surplus row only shows that the pull continues.
            return Ok(page.finish(true));
        }
        next.take(&mut page)?;
    }
    Ok(page.finish(false))
}

/// The branch with the next row on the timeline.
fn first<'a, 'rows>(branches: &'a mut [Branch<'rows>]) -> Option<&'a mut Branch<'rows>> {
    branches.iter_mut().filter(|branch| branch.key().is_some()).min_by_key(|branch| branch.key())
}

//! Page of a pull: a short read in index order (storage §3.7).

mod blob_piece;
mod branch;
mod page_builder;

use less_sync_core::SpaceId;
use less_sync_storage::{PullPage, PullPosition, PullState, StorageError};
use rusqlite::Connection;

use self::branch::{Branch, Key, Kind};
use self::page_builder::PageBuilder;
use crate::error::storage_error;

pub(crate) use self::blob_piece::blob_piece;
pub(crate) use self::page_builder::PageLimits;

/// Rows read for a page, as a multiple of its limit: those that are not delivered cost a look-up each.
const VISITED_FACTOR: usize = 8;

/// The rows after `position`, up to the limits: a page ends with the row that reaches one of them.
///
/// Each table is read in its own order, and the rows are merged as they come: nothing is sorted, and no table is read
/// further than one row beyond the page.
pub(crate) fn page<R>(
    db: &Connection,
    space: SpaceId,
    state: &PullState,
    position: PullPosition,
    limits: PageLimits,
) -> Result<PullPage, StorageError<R>> {
    let prepare = |kind: Kind| db.prepare_cached(kind.sql()).map_err(storage_error);
    let mut records = prepare(Kind::Record)?;
    let mut members = prepare(Kind::Member)?;
    let mut files = prepare(Kind::File)?;
    let mut branches = [
        Branch::open(Kind::Record, &mut records, space, position)?,
        Branch::open(Kind::Member, &mut members, space, position)?,
        Branch::open(Kind::File, &mut files, space, position)?,
    ];
    let factor = state.page_factor(position);
    let limits = PageLimits { rows: limits.rows * factor, bytes: limits.bytes * factor };
    let (mut page, mut visited) = (PageBuilder::default(), 0);
    let mut last = None;
    while let Some((branch, key)) = first(&mut branches) {
        if page.is_full(limits) || visited >= limits.rows * VISITED_FACTOR {
            // The surplus row only shows that the pull continues.
            return Ok(page.finish(last));
        }
        branch.take(state, &mut page)?;
        last = Some(position_of(key));
        visited += 1;
    }
    Ok(page.finish(None))
}

/// The branch with the next row on the timeline.
fn first<'a, 'rows>(branches: &'a mut [Branch<'rows>]) -> Option<(&'a mut Branch<'rows>, Key)> {
    let next = branches.iter_mut().filter_map(|branch| branch.key().map(|key| (branch, key)));
    next.min_by_key(|(_, key)| *key)
}

/// Position of a pull after the row with this key.
fn position_of((cursor, kind, id): Key) -> PullPosition {
    PullPosition { cursor, rank: kind.rank(), id }
}

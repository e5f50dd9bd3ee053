//! Walk over all spaces in bounded reads, and up to a bound of spaces per request.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use less_sync_core::SpaceId;
use less_sync_storage::{INVENTORY_PAGE, Inventory, ListedSpace, StorageError};

/// Spaces that one request visits at most: a hundred reads.
const MAX_VISITED: u64 = 100_000;

/// Walk over spaces in ascending order of their ids.
pub(super) struct Walk {
    position: Option<SpaceId>,
    visited: u64,
    is_over: bool,
}

impl Walk {
    /// A walk that begins after this space, or at the first one.
    pub(super) fn after(position: Option<SpaceId>) -> Self {
        Self { position, visited: 0, is_over: false }
    }

    /// Spaces visited so far.
    pub(super) fn visited(&self) -> u64 {
        self.visited
    }

    /// Space after which another walk continues; `None` once all spaces were visited.
    pub(super) fn next(&self) -> Option<SpaceId> {
        self.position.filter(|_| !self.is_over)
    }

    /// The first `limit` spaces that match.
    pub(super) async fn first<S: Inventory + ?Sized>(
        &mut self,
        storage: &S,
        limit: usize,
        matches: impl Fn(&ListedSpace) -> bool,
    ) -> Result<Vec<ListedSpace>, StorageError> {
        let mut found = Vec::new();
        while let Some(page) = self.page(storage).await? {
            let last = page.len();
            for (place, space) in page.into_iter().enumerate() {
                self.visited += 1;
                self.position = Some(space.id);
                if matches(&space) {
                    found.push(space);
                }
                if found.len() == limit {
                    // The rest of the page was read and not visited.
                    self.is_over &= place + 1 == last;
                    return Ok(found);
                }
            }
        }
        Ok(found)
    }

    /// The `limit` spaces with the largest `size`, the largest first.
    pub(super) async fn largest<S: Inventory + ?Sized>(
        &mut self,
        storage: &S,
        limit: usize,
        size: impl Fn(&ListedSpace) -> u64,
    ) -> Result<Vec<ListedSpace>, StorageError> {
        let mut kept: BinaryHeap<Reverse<(u64, Reverse<SpaceId>)>> = BinaryHeap::new();
        let mut spaces = std::collections::HashMap::new();
        while let Some(page) = self.page(storage).await? {
            for space in page {
                self.visited += 1;
                self.position = Some(space.id);
                kept.push(Reverse((size(&space), Reverse(space.id))));
                spaces.insert(space.id, space);
                if kept.len() > limit
                    && let Some(Reverse((_, Reverse(smallest)))) = kept.pop()
                {
                    spaces.remove(&smallest);
                }
            }
        }
        let sorted = kept.into_sorted_vec().into_iter();
        Ok(sorted.filter_map(|Reverse((_, Reverse(id)))| spaces.remove(&id)).collect())
    }

    /// The next page; `None` at the end, or at the bound of the walk.
    async fn page<S: Inventory + ?Sized>(
        &mut self,
        storage: &S,
    ) -> Result<Option<Vec<ListedSpace>>, StorageError> {
        if self.is_over || self.visited >= MAX_VISITED {
            return Ok(None);
        }
        let page = storage.list_spaces(self.position, INVENTORY_PAGE).await?;
        self.is_over = page.len() < INVENTORY_PAGE as usize;
        Ok((!page.is_empty()).then_some(page))
    }
}

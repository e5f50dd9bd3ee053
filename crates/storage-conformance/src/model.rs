//! Random histories, checked step by step against an abstract model that fits on a page (storage §5, §10).
//!
//! Pushes that fit, conflict, repeat a record or exceed a limit; tombstones and revivals; pulls with other pushes
//! between their pages; first syncs and incremental ones; restarts with other page sizes; two spaces that use the same
//! record ids. `PROPTEST_CASES` sets the number of histories, 256 when it is not set, of which a backend may run a part.

mod abstract_store;
mod expiry;
mod file_store;
mod history;
mod object_store;
mod runner;
mod shared;
mod shared_files;
mod shared_history;
mod shared_store;

use std::collections::{BTreeMap, BTreeSet};

use less_sync_core::{Cursor, RecordId, SpaceId};

use self::abstract_store::AbstractStore;
pub use self::expiry::random_expiry_histories_agree_with_the_model;
use self::history::{Step, Wish, histories};
use self::runner::{LIMITS, Replay, agree, replay_all};
pub use self::shared::random_shared_histories_agree_with_the_model;
use crate::fixture::{CLIENT, Fixture, OWNER, ROOT, cursor, records};
use crate::{Arrangement, Backend, PageLimits};
use less_sync_storage::{
    CursorAhead, PullPage, PullPosition, PullRequest, PullState, Record, RecordState, Records as _,
    SpaceKind, Spaces as _,
};

/// Every result of the store is that of the model. P1 to P5, P7, P9 to P11, P19, P20, P24.
pub fn random_histories_agree_with_the_model<B: Backend>() {
    replay_all::<RecordReplay<B>>(&histories());
}

/// A store and the model that it has to agree with.
struct RecordReplay<B: Backend> {
    fixture: Fixture<B>,
    pages: PageLimits,
    model: AbstractStore,
    replicas: BTreeMap<SpaceId, Replica>,
}

/// State of a client, built from its pulls.
#[derive(Default)]
struct Replica {
    cursor: Cursor,
    records: BTreeMap<RecordId, RecordState>,
}

impl<B: Backend> Replay for RecordReplay<B> {
    type Step = Step;
    type Backend = B;

    async fn begin() -> Self {
        let pages = PageLimits { rows: 3, bytes: 100 };
        let fixture = Fixture::paged(pages).await;
        Self { fixture, pages, model: AbstractStore::default(), replicas: BTreeMap::new() }
    }

    async fn step(&mut self, step: Step) {
        match step {
            Step::Create { space, shared } => self.create(space, shared).await,
            Step::Touch { space } => {
                let found = self.fixture.store.personal_space(space, &CLIENT, Some(OWNER)).await;
                agree(&found, &self.model.personal_space(space));
            }
            Step::Push { space, wishes } => self.push(space, &wishes).await,
            Step::Pull { space, since, ahead, between } => self.pull(space, since, ahead, between).await,
            Step::Sync { space } => self.sync(space).await,
            Step::Epochs { space, minimum } => self.set_epochs(space, minimum).await,
            Step::Reopen { pages } => {
                self.pages = pages;
                self.fixture.reopen(pages).await;
            }
        }
    }

    /// In the end the rows of all spaces are as the model has them, tombstones included.
    async fn end(mut self) {
        for space in history::SPACES {
            self.pull(space, Cursor::MAX.get(), CursorAhead::Rewind, Vec::new()).await;
            self.sync(space).await;
            let found = self.fixture.store.spaces(&[space]).await.unwrap();
            assert_eq!(found, Vec::from_iter(self.model.space(space)));
        }
        self.fixture.end().await;
    }
}

impl<B: Backend> RecordReplay<B> {
    async fn create(&mut self, space: SpaceId, shared: bool) {
        let kind = if shared { SpaceKind::Shared { root_public_key: ROOT } } else { SpaceKind::Personal };
        let created = self.fixture.store.create_space(space, &CLIENT, kind.clone(), Some(OWNER)).await;
        if created.is_ok() && shared {
            self.fixture.is_shared(space);
        }
        agree(&created, &self.model.create_space(space, kind));
    }

    async fn push(&mut self, space: SpaceId, wishes: &[Wish]) {
        let changes: Vec<_> =
            wishes.iter().map(|wish| wish.change(self.model.cursor_of(space, wish.record))).collect();
        let pushed = self.fixture.push_within(space, changes.clone(), LIMITS).await;
        agree(&pushed, &self.model.push(space, &changes, LIMITS));
    }

    /// Pulls page by page, with a push before each page but the first. Every row of the bound is in a page.
    async fn pull(&mut self, space: SpaceId, since: u64, ahead: CursorAhead, between: Vec<Vec<Wish>>) {
        let (grant, request) = (self.fixture.grant(space), PullRequest { since: cursor(since), ahead });
        let begun = self.fixture.store.begin_pull(&grant, request).await;
        let (begun, first) = match begun {
            Ok((state, first)) => (Ok(state), Some(first)),
            Err(error) => (Err(error), None),
        };
        agree(&begun, &self.model.begin_pull(space, request));
        let (Ok(state), Some(first)) = (begun, first) else { return };
        let expected = self.model.remaining(space, &state, state.start());
        let mut missing: BTreeSet<RecordId> = expected.iter().map(|row| row.id).collect();
        let (mut from, mut page, mut between) = (state.start(), first, between.into_iter());
        loop {
            self.check_page(space, &state, from, &page);
            for row in records(page.rows) {
                missing.remove(&row.id);
            }
            let Some(next) = page.next else { break };
            if let Some(wishes) = between.next() {
                self.push(space, &wishes).await;
            }
            from = next;
            page = self.fixture.store.pull_page(&grant, &state, from).await.unwrap();
        }
        assert_eq!(missing, BTreeSet::new(), "rows of the bound that the pull has in no version");
    }

    /// A page is a beginning of what remains, ends for a reason, and states whether it is the last.
    fn check_page(&self, space: SpaceId, state: &PullState, from: PullPosition, page: &PullPage) {
        let remaining = self.model.remaining(space, state, from);
        let (here, after) = remaining.split_at(page.rows.len().min(remaining.len()));
        assert_eq!(records(page.rows.clone()), here);
        let most = self.pages.rows * state.page_factor(from);
        assert!(page.rows.len() <= most);
        let bytes = |rows: &[Record]| rows.iter().map(|row| row.state.blob_bytes()).sum::<usize>();
        let (all, limit) = (bytes(here), self.pages.bytes * state.page_factor(from));
        assert!(
            here.split_last().is_none_or(|(_, before)| bytes(before) < limit),
            "more bytes than a page may have"
        );
        let Some(next) = page.next else { return assert_eq!(after, []) };
        assert!(
            (next.cursor, next.rank, next.id) > (from.cursor, from.rank, from.id) || from == state.start()
        );
        assert_eq!(self.model.remaining(space, state, next), after);
        // Unless tombstones are passed over, a page ends for a reason that the model sees.
        if let (true, Some(row)) = (state.tombstones, after.first()) {
            let full = here.len() == most || all + row.state.blob_bytes() >= limit;
            assert!(full, "a page ended early");
        }
        assert!(!state.tombstones || !after.is_empty(), "an empty page at the end");
    }

    /// Catches up a client and compares its state with the live state.
    async fn sync(&mut self, space: SpaceId) {
        let replica = self.replicas.entry(space).or_default();
        let Ok((state, rows)) = self.fixture.pull(space, replica.cursor).await else {
            assert!(!self.model.has(space), "a client that is never ahead was rejected");
            return;
        };
        for row in rows {
            match row.state {
                state @ RecordState::Live { .. } => drop(replica.records.insert(row.id, state)),
                RecordState::Tombstone => drop(replica.records.remove(&row.id)),
            }
        }
        replica.cursor = state.cursor;
        assert_eq!(replica.records, self.model.live(space));
    }

    async fn set_epochs(&mut self, space: SpaceId, minimum: i32) {
        if let Some((key_generation, minimum)) = self.model.set_epochs(space, minimum) {
            let arrangement = Arrangement::Epochs { key_generation, minimum, rewrap_pending: true };
            self.fixture.arrange(space, arrangement).await;
        }
    }
}

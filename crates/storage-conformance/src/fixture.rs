//! Test fixture: a database of its own, and shorthands for operations on it.

use std::collections::HashSet;
use std::sync::{Arc, LazyLock, Mutex};

use bytes::Bytes;
use less_sync_core::{ClientId, Cursor, Dek, Epoch, RecordId, SpaceId};

use crate::grants::{Grant, owner, read, write};
use crate::{Arrangement, Backend, PageLimits};
use less_sync_storage::{
    Change, CursorAhead, InvalidPush, OwnerHash, PullError, PullPage, PullRequest, PullState, Push,
    PushError, PushLimits, Pushed, Quotas, ReadGrant, Record, RecordState, Records as _, Row, Space,
    SpaceKind, Spaces as _, StorageError,
};

/// Bounds wide enough not to matter.
pub(crate) const WIDE: PushLimits = PushLimits { records: 100_000, blob: 5 << 20, bytes: 500 << 20 };

/// Owner of spaces, where it does not matter.
pub(crate) const OWNER: OwnerHash = OwnerHash::from_bytes([0x0e; 32]);

/// The client id of all spaces.
pub(crate) static CLIENT: LazyLock<ClientId> = LazyLock::new(|| client("conformance"));

pub(crate) fn client(id: &str) -> ClientId {
    id.parse().unwrap()
}

/// A root public key; storage does not check that it is on the curve.
pub(crate) const ROOT: [u8; 33] = [2; 33];

pub(crate) struct Fixture<B: Backend> {
    pub(crate) backend: B,
    pub(crate) store: Arc<B::Store>,
    /// Spaces that are opened with a chain.
    shared: Mutex<HashSet<SpaceId>>,
}

impl<B: Backend> Fixture<B> {
    pub(crate) async fn new() -> Self {
        Self::paged(PageLimits::default()).await
    }

    pub(crate) async fn paged(pages: PageLimits) -> Self {
        Self::open(pages, Quotas::default()).await
    }

    /// With quotas of stored bytes.
    pub(crate) async fn with_quotas(quotas: Quotas) -> Self {
        Self::open(PageLimits::default(), quotas).await
    }

    async fn open(pages: PageLimits, quotas: Quotas) -> Self {
        let backend = B::create().await;
        let store = backend.open(pages, quotas).await;
        Self { backend, store, shared: Mutex::default() }
    }

    /// Pages that end with their rows.
    pub(crate) async fn with_page_rows(rows: usize) -> Self {
        Self::paged(PageLimits { rows, ..PageLimits::default() }).await
    }

    /// Closes the database and opens it again.
    pub(crate) async fn reopen(&mut self, pages: PageLimits) {
        self.backend.close(Arc::clone(&self.store)).await;
        self.store = self.backend.open(pages, Quotas::default()).await;
    }

    /// Closes the database and opens it again, with other quotas.
    pub(crate) async fn reopen_with(&mut self, quotas: Quotas) {
        self.backend.close(Arc::clone(&self.store)).await;
        self.store = self.backend.open(PageLimits::default(), quotas).await;
    }

    /// Ends the test: nothing that happened may have broken an invariant.
    pub(crate) async fn end(self) {
        assert_eq!(self.backend.violations().await, Vec::<String>::new());
        self.backend.close(self.store).await;
    }

    pub(crate) async fn arrange(&self, space: SpaceId, arrangement: Arrangement) {
        self.backend.arrange(space, arrangement).await;
    }

    /// A new personal space.
    pub(crate) async fn personal(&self, number: u8) -> SpaceId {
        self.store.personal_space(space(number), &CLIENT, None).await.unwrap().id
    }

    /// A new shared space.
    pub(crate) async fn shared(&self, number: u8) -> SpaceId {
        let kind = SpaceKind::Shared { root_public_key: ROOT };
        let id = self.store.create_space(space(number), &CLIENT, kind, Some(OWNER)).await.unwrap().id;
        self.is_shared(id);
        id
    }

    /// Remembers that a space is opened with a chain.
    pub(crate) fn is_shared(&self, space: SpaceId) {
        self.shared.lock().unwrap().insert(space);
    }

    /// Grant of the owner, of the kind that the space requires.
    pub(crate) fn grant<G: Grant>(&self, space: SpaceId) -> G {
        let is_shared = self.shared.lock().unwrap().contains(&space);
        if is_shared { G::shared(space, owner()) } else { G::personal(space) }
    }

    pub(crate) async fn space(&self, id: SpaceId) -> Space {
        self.store.spaces(&[id]).await.unwrap().pop().unwrap()
    }

    pub(crate) async fn push(&self, space: SpaceId, changes: Vec<Change>) -> Result<Pushed, PushError> {
        self.push_within(space, changes, WIDE).await.unwrap()
    }

    /// A push under limits of its own. The outer error is found before the store sees the push.
    pub(crate) async fn push_within(
        &self,
        space: SpaceId,
        changes: Vec<Change>,
        limits: PushLimits,
    ) -> Result<Result<Pushed, PushError>, InvalidPush> {
        let push = Push::new(changes, None, limits)?;
        Ok(self.store.push(&self.grant(space), push).await)
    }

    /// Pushes what must be accepted, and returns the new cursor.
    pub(crate) async fn commit(&self, space: SpaceId, changes: Vec<Change>) -> Cursor {
        committed(self.push(space, changes).await)
    }

    /// A pull to its end.
    pub(crate) async fn pull(
        &self,
        space: SpaceId,
        since: Cursor,
    ) -> Result<(PullState, Vec<Record>), PullError> {
        pull_with(&*self.store, &self.grant(space), since, CursorAhead::Error).await
    }

    /// The rows of a pull to its end.
    pub(crate) async fn rows(&self, space: SpaceId, since: Cursor) -> Vec<Record> {
        self.pull(space, since).await.unwrap().1
    }

    /// The pages of a pull to its end.
    pub(crate) async fn pages(&self, space: SpaceId, since: Cursor) -> Vec<PullPage> {
        let grant = self.grant(space);
        let request = PullRequest { since, ahead: CursorAhead::Error };
        let (state, first) = self.store.begin_pull(&grant, request).await.unwrap();
        pages(&*self.store, &grant, &state, first).await.unwrap()
    }
}

/// A push to a personal space.
pub(crate) async fn push<S: less_sync_storage::Records + ?Sized>(
    store: &S,
    space: SpaceId,
    changes: Vec<Change>,
) -> Result<Pushed, PushError> {
    store.push(&write(space), Push::new(changes, None, WIDE).unwrap()).await
}

/// A pull of a personal space, to its end.
pub(crate) async fn pull<S: less_sync_storage::Records + ?Sized>(
    store: &S,
    space: SpaceId,
    since: Cursor,
    ahead: CursorAhead,
) -> Result<(PullState, Vec<Record>), PullError> {
    pull_with(store, &read(space), since, ahead).await
}

async fn pull_with<S: less_sync_storage::Records + ?Sized>(
    store: &S,
    grant: &ReadGrant,
    since: Cursor,
    ahead: CursorAhead,
) -> Result<(PullState, Vec<Record>), PullError> {
    let (state, first) = store.begin_pull(grant, PullRequest { since, ahead }).await?;
    let pages = pages(store, grant, &state, first).await.map_err(StorageError::widen)?;
    Ok((state, pages.into_iter().flat_map(|page| records(page.rows)).collect()))
}

/// The pages of a pull that began with `first`, to the end of the space.
pub(crate) async fn pages<S: less_sync_storage::Records + ?Sized>(
    store: &S,
    grant: &ReadGrant,
    state: &PullState,
    first: PullPage,
) -> Result<Vec<PullPage>, StorageError> {
    let (mut pages, mut position) = (Vec::new(), first.next);
    pages.push(first);
    while let Some(from) = position {
        let page = store.pull_page(grant, state, from).await?;
        position = page.next;
        pages.push(page);
    }
    Ok(pages)
}

/// Rows of a space that holds nothing but records.
pub(crate) fn records(rows: Vec<Row>) -> Vec<Record> {
    let record = |row| match row {
        Row::Record(record) => record,
        other @ (Row::Member(_) | Row::File(_)) => panic!("{other:?} in a space of records"),
    };
    rows.into_iter().map(record).collect()
}

pub(crate) fn space(number: u8) -> SpaceId {
    SpaceId::from_bytes([number; 16])
}

pub(crate) fn record(number: u64) -> RecordId {
    RecordId::from_bytes(u128::from(number).to_be_bytes())
}

pub(crate) fn cursor(number: u64) -> Cursor {
    Cursor::new(number).unwrap()
}

pub(crate) fn epoch(number: i32) -> Epoch {
    Epoch::new(number).unwrap()
}

/// A wrapped key with this epoch prefix.
pub(crate) fn dek(prefix: u32, fill: u8) -> Dek {
    let mut bytes = [fill; Dek::LENGTH];
    bytes[..4].copy_from_slice(&prefix.to_be_bytes());
    Dek::try_from(&bytes[..]).unwrap()
}

/// A record that holds `blob`, without a key.
pub(crate) fn live(id: RecordId, expected: Cursor, blob: &[u8]) -> Change {
    Change { id, expected, state: RecordState::Live { blob: Bytes::copy_from_slice(blob), dek: None } }
}

/// A record that holds `blob` and a key.
pub(crate) fn keyed(id: RecordId, expected: Cursor, blob: &[u8], dek: Dek) -> Change {
    Change { id, expected, state: RecordState::Live { blob: Bytes::copy_from_slice(blob), dek: Some(dek) } }
}

pub(crate) fn tombstone(id: RecordId, expected: Cursor) -> Change {
    Change { id, expected, state: RecordState::Tombstone }
}

/// The row that a change becomes.
pub(crate) fn row(change: &Change, cursor: Cursor) -> Record {
    Record { id: change.id, cursor, state: change.state.clone() }
}

/// The error of any operation; a rejection is what it prints.
pub(crate) type AnyError = StorageError<String>;

/// The outcome of any operation, for tests that compare operations of several traits.
pub(crate) fn any<T, R: std::fmt::Debug>(outcome: Result<T, StorageError<R>>) -> Result<T, AnyError> {
    outcome.map_err(|error| error.map_rejected(|rejection| format!("{rejection:?}")))
}

/// The new cursor of a push that must have been accepted.
pub(crate) fn committed(pushed: Result<Pushed, PushError>) -> Cursor {
    match pushed.unwrap() {
        Pushed::Committed { prev, cursor, .. } => {
            assert_eq!(Some(cursor), prev.next(), "a push moves the cursor by one");
            cursor
        }
        Pushed::Conflict { cursor, records } => panic!("unexpected conflict at {cursor} over {records:?}"),
    }
}

/// The mismatching records of a push that must have met a conflict.
pub(crate) fn conflicting(pushed: Result<Pushed, PushError>) -> Vec<RecordId> {
    match pushed.unwrap() {
        Pushed::Conflict { records, .. } => records,
        committed @ Pushed::Committed { .. } => panic!("expected a conflict, got {committed:?}"),
    }
}

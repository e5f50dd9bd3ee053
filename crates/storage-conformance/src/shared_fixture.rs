//! Fixture for shared spaces: shorthands of operations.

use bytes::Bytes;
use less_sync_core::{ChainSeq, Cursor, Dek, DekKind, FileId, MetadataVersion, RecordId, SpaceId};
use sha2::{Digest, Sha256};

use crate::Backend;
use crate::fixture::{Fixture, dek};
use less_sync_storage::{
    Advanced, Appended, CursorAhead, DekError, DekId, DekListing, Deks as _, EpochError, Epochs as _,
    MemberLimits, MemberList, MemberRange, Members as _, MembershipError, NewMember, PullError, PullRequest,
    ReadGrant, Records as _, Rewrap, RewrapGuard, Rewrapped, Row, StoredDek,
};

/// Bounds of a membership log that do not matter.
pub(crate) const WIDE_LOG: MemberLimits = MemberLimits { payload: 262_144, log: 64 << 20 };

/// All entries of a log.
pub(crate) const ALL: MemberRange =
    MemberRange { since: MetadataVersion::ZERO, until: None, max_bytes: usize::MAX };

impl<B: Backend> Fixture<B> {
    /// Appends an entry after the current head.
    pub(crate) async fn append(&self, space: SpaceId, payload: &[u8]) -> Appended {
        let head = self.store.members_head(&self.grant(space)).await.unwrap();
        let entry = member(head.last.map(|(_, hash)| hash), payload);
        self.try_append(space, head.metadata_version.get(), entry).await.unwrap()
    }

    pub(crate) async fn try_append(
        &self,
        space: SpaceId,
        expected_version: i32,
        entry: NewMember,
    ) -> Result<Appended, MembershipError> {
        self.store.append_member(&self.grant(space), expected_version.into(), entry, WIDE_LOG).await
    }

    pub(crate) async fn members(&self, space: SpaceId, range: MemberRange) -> MemberList {
        self.store.list_members(&self.grant(space), range).await.unwrap()
    }

    /// Begins an epoch, which must be the next one.
    pub(crate) async fn advance(&self, space: SpaceId, number: i32) {
        let advanced = self.store.advance_epoch(&self.grant(space), number.into(), false).await.unwrap();
        assert_eq!(advanced, Advanced::Begun(crate::fixture::epoch(number)));
    }

    pub(crate) async fn complete(&self, space: SpaceId, number: i32) -> Result<(), EpochError> {
        self.store.complete_rewrap(&self.grant(space), number.into()).await
    }

    /// All keys of records above `since`, and their listing.
    pub(crate) async fn deks(&self, space: SpaceId, since: Cursor) -> (DekListing, Vec<StoredDek>) {
        deks(&*self.store, &self.grant(space), DekKind::Record, since).await
    }

    /// All keys of files above `since`.
    pub(crate) async fn file_deks(&self, space: SpaceId, since: Cursor) -> Vec<StoredDek> {
        deks(&*self.store, &self.grant(space), DekKind::File, since).await.1
    }

    pub(crate) async fn rewrap(
        &self,
        space: SpaceId,
        entries: Vec<Rewrap>,
        guard: RewrapGuard,
    ) -> Result<Rewrapped, DekError> {
        self.store.rewrap_deks(&self.grant(space), DekKind::Record, entries, guard).await
    }

    pub(crate) async fn rewrap_files(
        &self,
        space: SpaceId,
        entries: Vec<Rewrap>,
        guard: RewrapGuard,
    ) -> Result<Rewrapped, DekError> {
        self.store.rewrap_deks(&self.grant(space), DekKind::File, entries, guard).await
    }

    /// The key that a record has now, if any.
    pub(crate) async fn dek_of(&self, space: SpaceId, id: RecordId) -> Option<Dek> {
        let (_, deks) = self.deks(space, Cursor::ZERO).await;
        deks.into_iter().find(|stored| stored.id == id.into()).map(|stored| stored.dek)
    }

    /// Rows of all kinds, to the end of a pull.
    pub(crate) async fn timeline(&self, space: SpaceId, since: Cursor) -> Vec<Row> {
        self.pages(space, since).await.into_iter().flat_map(|page| page.rows).collect()
    }

    /// Begins a pull with these rights.
    pub(crate) async fn try_pull(&self, grant: &ReadGrant) -> Result<(), PullError> {
        let request = PullRequest { since: Cursor::ZERO, ahead: CursorAhead::Error };
        self.store.begin_pull(grant, request).await.map(drop)
    }
}

/// All keys of `kind` above `since`, and their listing.
pub(crate) async fn deks<S: less_sync_storage::Deks>(
    store: &S,
    grant: &ReadGrant,
    kind: DekKind,
    since: Cursor,
) -> (DekListing, Vec<StoredDek>) {
    let listing = store.begin_deks(grant, kind, since).await.unwrap();
    let (mut deks, mut position) = (Vec::new(), Some(listing.start()));
    while let Some(from) = position {
        let page = store.deks(grant, &listing, from).await.unwrap();
        deks.extend(page.deks);
        position = page.next;
    }
    (listing, deks)
}

pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// Entry that names `prev_hash` as its predecessor.
pub(crate) fn member(prev_hash: Option<[u8; 32]>, payload: &[u8]) -> NewMember {
    NewMember::new(prev_hash, sha256(payload), Bytes::copy_from_slice(payload)).unwrap()
}

pub(crate) fn seq(number: i32) -> ChainSeq {
    ChainSeq::new(number).unwrap()
}

pub(crate) fn version(number: i32) -> MetadataVersion {
    MetadataVersion::new(number).unwrap()
}

pub(crate) fn file(number: u64) -> FileId {
    FileId::from_bytes(u128::from(number).to_be_bytes())
}

/// A rewrap of the key of `id` without an observed key.
pub(crate) fn rewrap(id: impl Into<DekId>, prefix: u32, fill: u8) -> Rewrap {
    Rewrap { id: id.into(), dek: dek(prefix, fill), observed: None }
}

/// A rewrap of the key of `id` that observed this one.
pub(crate) fn rewrap_of(id: impl Into<DekId>, prefix: u32, fill: u8, observed: &[u8]) -> Rewrap {
    Rewrap { id: id.into(), dek: dek(prefix, fill), observed: Some(Bytes::copy_from_slice(observed)) }
}

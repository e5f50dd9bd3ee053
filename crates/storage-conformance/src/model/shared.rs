//! Random histories of shared spaces: pushes, appends, revocations, epochs, rewraps, shares, files and their objects.
//!
//! The content of a record and the key that goes with it carry the same mark, and a rewrap of a listing keeps the mark of
//! what was listed. So a key that does not belong to its content shows (P15).

use std::collections::BTreeMap;

use bytes::Bytes;
use less_sync_core::{Cursor, Dek, DekKind, Did, SpaceId};

use super::history::Wish;
use super::runner::{LIMITS, Replay, agree, replay_all};
use super::shared_history::{Act, Observation, Step, histories};
use super::shared_store::{CHAINS, PERSONAL, SHARED, SharedStore};
use crate::fixture::{CLIENT, Fixture, OWNER, cursor, dek};
use crate::grants::{Grant, chain, cid};
use crate::shared_fixture::{WIDE_LOG, deks, file, member, rewrap, version};
use crate::{Backend, PageLimits};
use less_sync_storage::{
    DekListing, Deks as _, EpochKeys as _, Epochs as _, KeyShares, MemberRange, Members as _, ObjectKey,
    Push, PushError, Pushed, RecordState, Records as _, Revocations as _, Rewrap, RewrapGuard, Row,
    SpaceKind, Spaces as _, StoredDek, Upload,
};

const MEMBER: &str = "did:key:zMember";

/// Every result of the store is that of the model. P1 to P8, P10, P11, P13 to P16, P19 to P21, P23, P24.
pub fn random_shared_histories_agree_with_the_model<B: Backend>() {
    replay_all::<SharedReplay<B>>(&histories());
}

/// A store and the model that it has to agree with.
pub(super) struct SharedReplay<B: Backend> {
    pub(super) fixture: Fixture<B>,
    pub(super) model: SharedStore,
    /// Uploads that are not committed.
    pub(super) uploads: Vec<(SpaceId, Upload)>,
    /// Objects of those that were.
    pub(super) known: Vec<ObjectKey>,
    /// Latest listing of each space.
    listed: BTreeMap<SpaceId, (DekListing, Vec<StoredDek>)>,
}

const PAGES: PageLimits = PageLimits { rows: 3, bytes: 100 };

pub(super) fn grant<G: Grant>(space: SpaceId, bearer: usize) -> G {
    if space == SHARED { G::shared(space, chain(CHAINS[bearer])) } else { G::personal(space) }
}

impl<B: Backend> Replay for SharedReplay<B> {
    type Step = Step;
    type Backend = B;

    async fn begin() -> Self {
        let fixture = Fixture::<B>::paged(PAGES).await;
        fixture.shared(SHARED.as_bytes()[0]).await;
        fixture.store.create_space(PERSONAL, &CLIENT, SpaceKind::Personal, Some(OWNER)).await.unwrap();
        let (uploads, known) = (Vec::new(), Vec::new());
        Self { fixture, model: SharedStore::new(), uploads, known, listed: BTreeMap::new() }
    }

    async fn step(&mut self, Step { space, bearer, act }: Step) {
        match act {
            Act::Push(wishes) => self.push(space, bearer, &wishes).await,
            Act::Append { behind, stray, length } => self.append(space, bearer, behind, stray, length).await,
            Act::Revoke(number) => self.revoke(space, bearer, number).await,
            Act::Advance { skew, raise_minimum } => self.advance(space, bearer, skew, raise_minimum).await,
            Act::Complete { skew } => {
                let number = self.model.space(space).key_generation.get() + skew;
                let completed =
                    self.fixture.store.complete_rewrap(&grant(space, bearer), number.into()).await;
                let admitted = self.model.admit(space, bearer);
                agree(&completed, &admitted.and_then(|()| self.model.complete(space, number)));
            }
            Act::List => self.list(space).await,
            Act::Rewrap { how, skew, every } => self.rewrap(space, bearer, how, skew, every).await,
            Act::RewrapFiles => self.rewrap_files(space).await,
            Act::BeginUpload { file: number } => self.begin_upload(space, bearer, file(number)).await,
            Act::CommitUpload { nth, record, prefix } => {
                self.commit_upload(bearer, nth, record, prefix).await;
            }
            Act::AbortUpload { nth } => self.abort_upload(nth).await,
            Act::DeleteFile { file: number } => self.delete_file(space, bearer, file(number)).await,
            Act::Sweep { grace, outcome } => self.sweep(grace, outcome).await,
            Act::TimePasses(by) => self.let_time_pass(by).await,
            Act::PutShares { skew, fill } => self.put_shares(space, bearer, skew, fill).await,
            Act::Look { since } => {
                self.look(space, bearer, cursor(since)).await;
                self.look_at_files(space).await;
            }
            Act::Reopen => self.fixture.reopen(PAGES).await,
        }
        assert_eq!(self.fixture.space(space).await, self.model.space(space));
    }

    /// In the end everything is as the model has it.
    async fn end(mut self) {
        for space in [SHARED, PERSONAL] {
            self.look(space, 2, Cursor::ZERO).await;
            self.look(space, 2, cursor(1)).await;
            self.look_at_files(space).await;
            self.list(space).await;
            for number in [10, 11, 20, 21, 30, 31, 99] {
                let revoked = self.fixture.store.is_revoked(space, cid(number)).await.unwrap();
                assert_eq!(revoked, self.model.extra(space).revoked.contains(&number));
            }
        }
        self.fixture.end().await;
    }
}

impl<B: Backend> SharedReplay<B> {
    async fn push(&mut self, space: SpaceId, bearer: usize, wishes: &[Wish]) {
        let changes: Vec<_> =
            wishes.iter().map(|wish| wish.change(self.model.cursor_of(space, wish.record))).collect();
        let push = Push::new(changes.clone(), None, LIMITS);
        let checked = push.as_ref().map(|_| ()).map_err(|invalid| *invalid);
        agree(&checked, &super::abstract_store::within(&changes, LIMITS));
        let Ok(push) = push else { return };
        let mut pushed = self.fixture.store.push(&grant(space, bearer), push).await;
        if let Ok(Pushed::Committed { deleted_files, .. }) = &mut pushed {
            deleted_files.sort_unstable();
        }
        agree(&pushed, &self.expected_push(space, bearer, &changes));
    }

    fn expected_push(
        &mut self,
        space: SpaceId,
        bearer: usize,
        changes: &[less_sync_storage::Change],
    ) -> Result<Pushed, PushError> {
        self.model.admit(space, bearer)?;
        self.model.push(space, changes)
    }

    async fn append(&mut self, space: SpaceId, bearer: usize, behind: i32, stray: bool, length: usize) {
        let log = &self.model.extra(space).log;
        let version = i32::try_from(log.len()).unwrap() - behind;
        let prev = if stray { Some([9; 32]) } else { log.last().map(|last| last.entry_hash) };
        let payload = Bytes::from(vec![u8::try_from(length).unwrap(); length]);
        let entry = member(prev, &payload);
        let appended =
            self.fixture.store.append_member(&grant(space, bearer), version.into(), entry, WIDE_LOG).await;
        let admitted = self.model.admit(space, bearer);
        agree(&appended, &admitted.and_then(|()| self.model.append(space, version, prev, &payload)));
    }

    async fn revoke(&mut self, space: SpaceId, bearer: usize, number: u8) {
        let revoked = self.fixture.store.revoke(&grant(space, bearer), cid(number)).await;
        let admitted = self.model.admit(space, bearer);
        agree(&revoked, &admitted);
        if revoked.is_ok() {
            self.model.revoke(space, number);
        }
    }

    async fn advance(&mut self, space: SpaceId, bearer: usize, skew: i32, raise_minimum: bool) {
        let number = self.model.space(space).key_generation.get() + 1 + skew;
        let advanced =
            self.fixture.store.advance_epoch(&grant(space, bearer), number.into(), raise_minimum).await;
        let admitted = self.model.admit(space, bearer);
        agree(&advanced, &admitted.map(|()| self.model.advance(space, number, raise_minimum)));
    }

    /// Lists with the chain that is never revoked.
    async fn list(&mut self, space: SpaceId) {
        let grant = grant(space, 2);
        let (listing, deks) = deks(&*self.fixture.store, &grant, DekKind::Record, Cursor::ZERO).await;
        assert_eq!(listing.cursor, self.model.space(space).cursor);
        assert_eq!(deks, self.model.record_deks(space));
        self.listed.insert(space, (listing, deks));
    }

    /// A client wraps anew what it has listed some time ago.
    async fn rewrap(&mut self, space: SpaceId, bearer: usize, how: Observation, skew: i32, every: usize) {
        let Some((listing, deks)) = self.listed.get(&space) else { return };
        let prefix = (self.model.space(space).key_generation.get() + skew).unsigned_abs();
        let entry = |stored: &StoredDek| {
            let mark = stored.dek.as_bytes()[Dek::LENGTH - 1];
            let observed = match how {
                Observation::Listed => None,
                Observation::Observed => Some(Bytes::copy_from_slice(stored.dek.as_bytes())),
            };
            Rewrap { observed, ..rewrap(stored.id, prefix, mark) }
        };
        let entries: Vec<_> = deks.iter().step_by(every).map(entry).collect();
        let guard = RewrapGuard::Listed(listing.cursor);
        let (store, grant) = (&self.fixture.store, grant(space, bearer));
        let done = store.rewrap_deks(&grant, DekKind::Record, entries.clone(), guard).await;
        let admitted = self.model.admit(space, bearer);
        agree(&done, &admitted.and_then(|()| self.model.rewrap(space, &entries, guard)));
        self.assert_keys_fit(space);
    }

    /// P15, of the model; the state of the store is compared with it elsewhere.
    fn assert_keys_fit(&self, space: SpaceId) {
        for row in self.model.timeline(space, Cursor::ZERO) {
            if let Row::Record(record) = row
                && let RecordState::Live { blob, dek: Some(dek) } = record.state
                && let Some(mark) = blob.first()
            {
                assert_eq!(dek.as_bytes().last(), Some(mark), "a key that does not open its record");
            }
        }
    }

    async fn rewrap_files(&mut self, space: SpaceId) {
        let new = dek(self.model.space(space).key_generation.get().unsigned_abs(), 2);
        let entry = |stored: StoredDek| Rewrap { id: stored.id, dek: new, observed: None };
        let entries: Vec<_> = self.model.file_deks(space).into_iter().map(entry).collect();
        let count = entries.len();
        let (store, grant) = (&self.fixture.store, grant(space, 2));
        let done = store.rewrap_deks(&grant, DekKind::File, entries, RewrapGuard::Off).await;
        assert_eq!(done.unwrap().replaced, count);
        self.model.rewrap_files(space, new);
    }

    async fn put_shares(&mut self, space: SpaceId, bearer: usize, skew: i32, fill: u8) {
        let number = self.model.space(space).key_generation.get() + skew;
        let key = Bytes::from(vec![fill; 5]);
        let shares = KeyShares::new(vec![(MEMBER.to_owned(), key.clone())]).unwrap();
        let put = self.fixture.store.put_epoch_keys(&grant(space, bearer), number.into(), shares).await;
        let admitted = self.model.admit(space, bearer);
        agree(&put, &admitted.and_then(|()| self.model.put_shares(space, number, key)));
    }

    /// Compares every read operation, for a caller who may be revoked.
    async fn look(&self, space: SpaceId, bearer: usize, since: Cursor) {
        let read = grant(space, bearer);
        let state = self.fixture.store.space_state(&read).await;
        let admitted = self.model.admit(space, bearer);
        agree(&state, &admitted.map(|()| self.model.space(space)));
        if state.is_err() {
            return;
        }
        let since = since.min(self.model.space(space).cursor);
        let rows = self.fixture.timeline(space, since).await;
        assert_eq!(rows, self.model.timeline(space, since));
        let extra = self.model.extra(space);
        let range = MemberRange { since: version(1), until: None, max_bytes: usize::MAX };
        let members = self.fixture.store.list_members(&read, range).await.unwrap();
        assert_eq!(members.entries, extra.log.get(1..).unwrap_or_default());
        let member = Did::try_from(MEMBER).unwrap();
        for number in 0..10 {
            let key = self.fixture.store.epoch_key(&read, number.into(), &member).await.unwrap();
            assert_eq!(key.as_ref(), extra.shares.get(&number));
        }
        assert_eq!(self.fixture.file_deks(space, Cursor::ZERO).await, self.model.file_deks(space));
    }
}

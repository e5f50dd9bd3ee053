//! Access to a space: the same rules for every operation (storage T11, T12, §3.2).

use std::time::Duration;

use bytes::Bytes;
use less_sync_core::{Cursor, DekKind, Did, SpaceId};

use crate::file_fixture::{claim, content};
use crate::fixture::{AnyError, Fixture, ROOT, WIDE, any, dek, live, record, space};
use crate::grants::{Grant, chain, cid};
use crate::shared_fixture::{ALL, WIDE_LOG, file, member, rewrap, version};
use crate::{Arrangement, Backend};
use less_sync_storage::{
    ActorHash, DekRejection, Deks as _, EpochKeys as _, Epochs as _, FileError, FileRejection, Files as _,
    KeyShares, Members as _, ObjectKey, ObjectQueueState, Objects as _, ProofChain, Push, RateAction,
    RateLimit, Records as _, Revocations as _, RewrapGuard, SpaceKind, Storage, StorageError, Upload,
    UploadId,
};

/// Outcome of an operation, with its name.
type Outcome = (&'static str, Result<(), AnyError>);

/// Caller with all rights.
#[derive(Clone)]
struct Caller {
    space: SpaceId,
    chain: Option<ProofChain>,
}

impl Caller {
    fn grant<G: Grant>(&self) -> G {
        match &self.chain {
            None => G::personal(self.space),
            Some(chain) => G::shared(self.space, chain.clone()),
        }
    }

    /// Everything that reads a space.
    async fn reads<B: Backend>(&self, fixture: &Fixture<B>) -> Vec<Outcome> {
        let store = &fixture.store;
        let grant = self.grant();
        vec![
            ("pull", any(fixture.try_pull(&grant).await)),
            ("space state", any(store.space_state(&grant).await.map(drop))),
            ("list members", any(store.list_members(&grant, ALL).await.map(drop))),
            ("members head", any(store.members_head(&grant).await.map(drop))),
            ("list keys", any(store.begin_deks(&grant, DekKind::Record, Cursor::ZERO).await.map(drop))),
            ("has files", any(store.has_files(&grant).await.map(drop))),
            ("file", found(store.file(&grant, file(9)).await)),
            ("epoch key", any(store.epoch_key(&grant, 1.into(), &Did::of_key("1")).await.map(drop))),
            ("empty push", self.push(fixture, vec![]).await),
        ]
    }

    /// Everything that writes a space. It would change nothing that another of these depends on.
    async fn writes<B: Backend>(&self, fixture: &Fixture<B>) -> Vec<Outcome> {
        let store = &fixture.store;
        let (read, write, admin) = (self.grant(), self.grant(), self.grant());
        let claim = claim(file(9), record(9), dek(1, 1));
        let shares = KeyShares::new(vec![("did:key:z".to_owned(), Bytes::from_static(b"key"))]).unwrap();
        vec![
            ("push", self.push(fixture, vec![live(record(1), Cursor::ZERO, b"a")]).await),
            (
                "append",
                any(store.append_member(&read, 0.into(), member(None, b"a"), WIDE_LOG).await.map(drop)),
            ),
            ("revoke", any(store.revoke(&admin, cid(99)).await)),
            ("put epoch keys", any(store.put_epoch_keys(&admin, 1.into(), shares).await)),
            ("claim file", found(store.claim_file(&write, &claim, 1).await)),
            ("begin upload", any(store.begin_upload(&write, file(9), Duration::ZERO).await.map(drop))),
            ("commit file", found(store.commit_file(&write, &self.upload(), &claim, content()).await)),
            ("delete file", any(store.delete_file(&write, file(9)).await.map(drop))),
            ("rewrap", self.rewrap_nothing(fixture).await),
            ("rewrap files", self.rewrap_no_file(fixture).await),
            ("empty rewrap", self.empty_rewrap(fixture, DekKind::Record).await),
            ("empty rewrap of files", self.empty_rewrap(fixture, DekKind::File).await),
            ("advance", any(store.advance_epoch(&admin, 2.into(), false).await.map(drop))),
            ("complete", any(store.complete_rewrap(&admin, 2.into()).await)),
        ]
    }

    /// Unknown upload attempt.
    fn upload(&self) -> Upload {
        let id = UploadId::from_bytes([9; 16]);
        Upload { id, object: ObjectKey::attempt(self.space, file(9), id) }
    }

    async fn push<B: Backend>(
        &self,
        fixture: &Fixture<B>,
        changes: Vec<less_sync_storage::Change>,
    ) -> Result<(), AnyError> {
        let push = Push::new(changes, None, WIDE).unwrap();
        any(fixture.store.push(&self.grant(), push).await.map(drop))
    }

    /// A rewrap that gets as far as to find that there is no such record.
    async fn rewrap_nothing<B: Backend>(&self, fixture: &Fixture<B>) -> Result<(), AnyError> {
        let entries = vec![rewrap(record(9), 1, 0)];
        match fixture.store.rewrap_deks(&self.grant(), DekKind::Record, entries, RewrapGuard::Off).await {
            Err(StorageError::Rejected(DekRejection::RecordNotFound)) => Ok(()),
            other => any(other.map(drop)),
        }
    }

    async fn rewrap_no_file<B: Backend>(&self, fixture: &Fixture<B>) -> Result<(), AnyError> {
        let entries = vec![rewrap(file(9), 1, 0)];
        match fixture.store.rewrap_deks(&self.grant(), DekKind::File, entries, RewrapGuard::Off).await {
            Err(StorageError::Rejected(DekRejection::FileNotFound)) => Ok(()),
            other => any(other.map(drop)),
        }
    }

    async fn empty_rewrap<B: Backend>(&self, fixture: &Fixture<B>, kind: DekKind) -> Result<(), AnyError> {
        any(fixture.store.rewrap_deks(&self.grant(), kind, vec![], RewrapGuard::Unlisted).await.map(drop))
    }

    async fn everything<B: Backend>(&self, fixture: &Fixture<B>) -> Vec<Outcome> {
        let mut outcomes = self.reads(fixture).await;
        outcomes.extend(self.writes(fixture).await);
        outcomes
    }
}

/// An operation that gets as far as to find that there is no such file or owner.
fn found<T>(outcome: Result<T, FileError>) -> Result<(), AnyError> {
    match outcome {
        Err(StorageError::Rejected(FileRejection::FileNotFound | FileRejection::RecordNotFound)) => Ok(()),
        other => any(other.map(drop)),
    }
}

fn all_allowed(outcomes: Vec<Outcome>) {
    for (name, outcome) in outcomes {
        assert!(outcome.is_ok(), "{name}: {outcome:?}");
    }
}

fn all_rejected(outcomes: Vec<Outcome>, expected: fn(&AnyError) -> bool) {
    for (name, outcome) in outcomes {
        assert!(outcome.as_ref().is_err_and(expected), "{name}: {outcome:?}");
    }
}

/// T12: once any token of a chain is revoked, nothing opens to the chain any more, and everything to others.
pub async fn revoked_chain_grants_no_access<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let id = fixture.shared(1).await;
    let caller = |numbers: &[u8]| Caller { space: id, chain: Some(chain(numbers)) };
    fixture.store.revoke(&fixture.grant(id), cid(5)).await.unwrap();
    let before = fixture.space(id).await;
    for revoked in
        [&[5][..], &[1, 2, 3, 5], &[5, 6, 7, 8], &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]]
    {
        let outcomes = caller(revoked).everything(&fixture).await;
        all_rejected(outcomes, |error| matches!(error, StorageError::Revoked));
    }
    assert_eq!(fixture.space(id).await, before);
    assert_eq!(fixture.store.object_queue(Duration::ZERO).await.unwrap(), ObjectQueueState::default());
    assert!(!fixture.store.is_revoked(id, cid(99)).await.unwrap());
    all_allowed(caller(&[1, 2, 3, 4]).everything(&fixture).await);
    fixture.end().await;
}

/// A revocation in one space says nothing about another. P20.
pub async fn revocation_in_another_space_has_no_effect<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let (here, elsewhere) = (fixture.shared(1).await, fixture.shared(2).await);
    fixture.store.revoke(&fixture.grant(elsewhere), cid(5)).await.unwrap();
    all_allowed(Caller { space: here, chain: Some(chain(&[5])) }.everything(&fixture).await);
    fixture.end().await;
}

/// A token alone does not open a space with a root key, whatever is asked for, and a chain opens no other.
pub async fn access_of_the_wrong_kind_is_rejected<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let (shared, personal) = (fixture.shared(1).await, fixture.personal(2).await);
    let spaces = [fixture.space(shared).await, fixture.space(personal).await];
    for caller in
        [Caller { space: shared, chain: None }, Caller { space: personal, chain: Some(chain(&[1, 2])) }]
    {
        let outcomes = caller.everything(&fixture).await;
        all_rejected(outcomes, |error| matches!(error, StorageError::SpaceKindMismatch));
    }
    assert_eq!([fixture.space(shared).await, fixture.space(personal).await], spaces);
    fixture.end().await;
}

/// Personal spaces have a log, epochs and keys like any other.
pub async fn owner_of_a_personal_space_has_all_rights<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let space = fixture.personal(1).await;
    all_allowed(Caller { space, chain: None }.everything(&fixture).await);
    fixture.end().await;
}

/// "advance on unknown space", and everything else.
pub async fn unknown_space_is_rejected_by_every_operation<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    for chain in [None, Some(chain(&[1, 2]))] {
        let outcomes = Caller { space: space(7), chain }.everything(&fixture).await;
        all_rejected(outcomes, |error| matches!(error, StorageError::SpaceNotFound));
    }
    fixture.end().await;
}

/// T11: a space that lives elsewhere can be read and not written.
pub async fn remote_space_is_read_only<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let id = fixture.shared(1).await;
    fixture.arrange(id, Arrangement::HomeServer("elsewhere.example".to_owned())).await;
    let before = fixture.space(id).await;
    let caller = Caller { space: id, chain: Some(chain(&[1, 2])) };
    all_allowed(caller.reads(&fixture).await);
    all_rejected(caller.writes(&fixture).await, |error| matches!(error, StorageError::SpaceIsRemote));
    assert_eq!(fixture.space(id).await, before);
    fixture.end().await;
}

/// "operations through the umbrella trait object", those for shared spaces.
pub async fn everything_shared_works_through_the_trait_object<B: Backend>() {
    let fixture = Fixture::<B>::new().await;
    let store: &dyn Storage = &*fixture.store;
    let id = space(1);
    store
        .create_space(id, &"conformance".parse().unwrap(), SpaceKind::Shared { root_public_key: ROOT }, None)
        .await
        .unwrap();
    let caller = Caller { space: id, chain: Some(chain(&[1, 2])) };
    store.append_member(&caller.grant(), 0.into(), member(None, b"a"), WIDE_LOG).await.unwrap();
    assert_eq!(store.list_members(&caller.grant(), ALL).await.unwrap().metadata_version, version(1));
    store.revoke(&caller.grant(), cid(1)).await.unwrap();
    assert!(matches!(store.space_state(&caller.grant()).await, Err(StorageError::Revoked)));
    let limit = RateLimit { actions: 1, window: Duration::from_mins(1) };
    let permit = store.acquire(RateAction::Invitation, ActorHash::from_bytes([1; 32]), limit).await.unwrap();
    store.release(permit).await.unwrap();
    fixture.end().await;
}

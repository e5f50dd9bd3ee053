//! Delegation of each operation of the storage contract.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use less_sync_core::{
    Cid, ClientId, Cursor, DekKind, Did, Epoch, FileId, InvitationId, MailboxId, MetadataVersion, PeerId,
    Requested, SpaceId,
};
use less_sync_storage::{
    ActorHash, AddedKey, AdminGrant, Advanced, Appended, BindingKey, Claim, ClaimDue, Claimed, Content,
    DekError, DekListing, DekPage, DekPosition, Deks, DueObject, EpochError, EpochKeyError, EpochKeys,
    Epochs, FederationKey, FederationKeyError, FederationKeys, FileChange, FileCommit, FileError, Files,
    HomeHint, HomeHints, HomeRouteError, HomeRoutes, HomeServer, Inventory, Invitation, InvitationError,
    Invitations, IssuerBindings, KeyPlacement, KeyShares, ListedSpace, LiveObject, MailboxLimits,
    MailboxPage, MemberLimits, MemberList, MemberRange, Members, MembersHead, MembershipError,
    NewFederationKey, NewInvitation, NewMember, NewStub, ObjectKey, ObjectQueueState, ObjectUse, Objects,
    OwnerHash, PeerState, PeerStates, PendingRewraps, Permit, PullError, PullPage, PullPosition, PullRequest,
    PullState, Purge, PurgeStep, Push, PushError, Pushed, RateAction, RateLimit, RateLimitError, RateLimits,
    ReadGrant, RecordVersion, Records, Revocations, Rewrap, RewrapGuard, Rewrapped, RowCounts, Space,
    SpaceKind, Spaces, SpacesError, Storage, StorageError, StoredFile, StubOutcome, Ticket, Upload, UploadId,
    WriteGrant,
};
use tracing::Instrument as _;

use super::metrics::{OperationMetrics, Place};
use super::slow::SlowOperations;
use super::volume::Volume;
use super::{MeasuredStorage, Shared};
use crate::Clock;

/// Declares the operations of the contract, and their delegation. Operations in `own` are delegated by hand.
macro_rules! operations {
    (
        own { $($own:ident,)* }
        $($trait:ident {
            $(fn $method:ident($($argument:ident: $type:ty),*) -> $ok:ty, $error:ty;)*
        })*
    ) => {
        /// Operation of the storage contract, with the name of its method.
        #[expect(non_camel_case_types, reason = "variants have the names of the methods")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        enum Operation { $($own,)* $($($method,)*)* }

        impl Operation {
            /// All operations, in the order of the variants.
            const ALL: &[Self] = &[$(Self::$own,)* $($(Self::$method,)*)*];

            /// Place of the operation among all of them, with its name.
            const fn place(self) -> Place {
                Place { index: self as usize, name: self.name() }
            }

            const fn name(self) -> &'static str {
                match self {
                    $(Self::$own => stringify!($own),)*
                    $($(Self::$method => stringify!($method),)*)*
                }
            }
        }

        $(
            #[async_trait]
            impl $trait for MeasuredStorage {
                $(
                    async fn $method(&self, $($argument: $type),*) -> Result<$ok, $error> {
                        self.measure(Operation::$method.place(), self.0.inner.$method($($argument),*)).await
                    }
                )*
            }
        )*
    };
}

operations! {
    own { push, begin_pull, pull_page, blob_piece, }
    Spaces {
        fn ping() -> (), StorageError;
        fn spaces(ids: &[SpaceId]) -> Vec<Space>, StorageError;
        fn create_space(id: SpaceId, client_id: &ClientId, kind: SpaceKind, owner: Option<OwnerHash>) -> Space, SpacesError;
        fn personal_space(id: SpaceId, client_id: &ClientId, owner: Option<OwnerHash>) -> Space, StorageError;
    }
    Files {
        fn claim_file(grant: &WriteGrant, claim: &Claim, size: u64) -> Claimed, FileError;
        fn begin_upload(grant: &WriteGrant, file: FileId, lifetime: Duration) -> Upload, StorageError;
        fn commit_file(grant: &WriteGrant, upload: &Upload, claim: &Claim, content: Content) -> FileCommit, FileError;
        fn abort_upload(upload: &Upload) -> (), StorageError;
        fn file(grant: &ReadGrant, file: FileId) -> StoredFile, FileError;
        fn delete_file(grant: &WriteGrant, file: FileId) -> Option<FileChange>, FileError;
    }
    Objects {
        fn claim_due_objects(claim: ClaimDue) -> Vec<DueObject>, StorageError;
        fn forget_object(space: SpaceId, entry: UploadId) -> (), StorageError;
        fn postpone_object(space: SpaceId, entry: UploadId, delay: Duration) -> (), StorageError;
        fn object_uses(keys: &[ObjectKey]) -> Vec<ObjectUse>, StorageError;
        fn live_objects(only: Option<SpaceId>, after: Option<(SpaceId, FileId)>, limit: usize) -> Vec<LiveObject>, StorageError;
        fn mark_orphan_for_deletion(key: &ObjectKey) -> bool, StorageError;
        fn object_queue(grace: Duration) -> ObjectQueueState, StorageError;
    }
    Revocations {
        fn revoke(grant: &AdminGrant, cid: Cid) -> (), StorageError;
        fn is_revoked(space: SpaceId, cid: Cid) -> bool, StorageError;
        fn any_revoked(space: SpaceId, cids: &[Cid]) -> bool, StorageError;
        fn revoked_among(tokens: &[(SpaceId, Cid)]) -> Vec<(SpaceId, Cid)>, StorageError;
    }
    Members {
        fn append_member(grant: &ReadGrant, expected_version: Requested<MetadataVersion>, entry: NewMember, limits: MemberLimits) -> Appended, MembershipError;
        fn list_members(grant: &ReadGrant, range: MemberRange) -> MemberList, StorageError;
        fn members_head(grant: &ReadGrant) -> MembersHead, StorageError;
    }
    Invitations {
        fn create_invitation(mailbox: MailboxId, invitation: NewInvitation, limits: MailboxLimits) -> Invitation, InvitationError;
        fn invitations(mailbox: MailboxId, page: MailboxPage) -> Vec<Invitation>, StorageError;
        fn invitation(mailbox: MailboxId, id: InvitationId) -> Invitation, InvitationError;
        fn delete_invitation(mailbox: MailboxId, id: InvitationId) -> (), InvitationError;
        fn delete_invitations_from(peer: &PeerId) -> u64, StorageError;
        fn purge_invitations(batch: usize) -> usize, StorageError;
    }
    Epochs {
        fn space_state(grant: &ReadGrant) -> Space, StorageError;
        fn advance_epoch(grant: &AdminGrant, epoch: Requested<Epoch>, raise_minimum: bool) -> Advanced, StorageError;
        fn complete_rewrap(grant: &AdminGrant, epoch: Requested<Epoch>) -> (), EpochError;
    }
    Deks {
        fn begin_deks(grant: &ReadGrant, kind: DekKind, since: Cursor) -> DekListing, StorageError;
        fn deks(grant: &ReadGrant, listing: &DekListing, position: DekPosition) -> DekPage, StorageError;
        fn rewrap_deks(grant: &AdminGrant, kind: DekKind, entries: Vec<Rewrap>, guard: RewrapGuard) -> Rewrapped, DekError;
        fn has_files(grant: &ReadGrant) -> bool, StorageError;
    }
    EpochKeys {
        fn put_epoch_keys(grant: &AdminGrant, epoch: Requested<Epoch>, shares: KeyShares) -> (), EpochKeyError;
        fn epoch_key(grant: &ReadGrant, epoch: Requested<Epoch>, member: &Did) -> Option<Bytes>, StorageError;
    }
    RateLimits {
        fn acquire(action: RateAction, actor: ActorHash, limit: RateLimit) -> Permit, RateLimitError;
        fn release(permit: Permit) -> (), StorageError;
        fn count_actions(action: RateAction, actor: ActorHash, window: Duration) -> usize, StorageError;
        fn purge_actions(age: Duration, batch: usize) -> usize, StorageError;
    }
    FederationKeys {
        fn add_key(key: &NewFederationKey, placement: &KeyPlacement) -> AddedKey, FederationKeyError;
        fn promote_key(kid: &str, minimum_age: Duration) -> (), FederationKeyError;
        fn deactivate_key(kid: &str, force: bool) -> (), FederationKeyError;
        fn federation_keys() -> Vec<FederationKey>, StorageError;
        fn delete_inactive_keys(age: Duration) -> u64, StorageError;
    }
    HomeRoutes {
        fn home_server(space: SpaceId) -> Option<String>, StorageError;
        fn set_home_server(space: SpaceId, home: Option<&HomeServer>, force: bool) -> (), HomeRouteError;
        fn create_stub(stub: &NewStub) -> StubOutcome, StorageError;
        fn delete_stub(space: SpaceId) -> (), HomeRouteError;
        fn note_interest(spaces: &[SpaceId]) -> (), StorageError;
        fn delete_idle_stubs(idle: Duration, batch: usize) -> usize, StorageError;
    }
    HomeHints {
        fn add_home_hint(mailbox: MailboxId, hint: &HomeHint, lifetime: Duration) -> (), StorageError;
        fn home_hints(mailbox: MailboxId) -> Vec<HomeHint>, StorageError;
        fn delete_home_hints_of(peer: &PeerId) -> u64, StorageError;
        fn purge_home_hints(batch: usize) -> usize, StorageError;
    }
    PeerStates {
        fn quarantine_peer(peer: &PeerId, reason: &str, lifetime: Option<Duration>) -> (), StorageError;
        fn release_peer(peer: &PeerId) -> bool, StorageError;
        fn quarantined_peers() -> Vec<PeerState>, StorageError;
    }
    IssuerBindings {
        fn bind_issuer(key: BindingKey, issuer: &str) -> String, StorageError;
        fn rebind_issuer(key: BindingKey, issuer: &str) -> (), StorageError;
    }
    Inventory {
        fn list_spaces(after: Option<SpaceId>, limit: u32) -> Vec<ListedSpace>, StorageError;
        fn count_rows(space: SpaceId, bound: u32) -> RowCounts, StorageError;
        fn pending_rewraps() -> PendingRewraps, StorageError;
    }
    Purge {
        fn purge_step(space: SpaceId) -> PurgeStep, StorageError;
    }
}

impl MeasuredStorage {
    /// Measures `inner` on `clock`.
    #[must_use]
    pub fn new(inner: Arc<dyn Storage>, clock: Arc<dyn Clock>) -> Self {
        let operations = OperationMetrics::new(Operation::ALL.iter().map(|operation| operation.name()));
        let slow = SlowOperations::new(Operation::ALL.len());
        Self(Arc::new(Shared { inner, clock, operations, slow, volume: Volume::default() }))
    }
}

#[async_trait]
impl Records for MeasuredStorage {
    fn enqueue(&self, grant: &WriteGrant, push: Push) -> Ticket {
        let (started, span) = (self.0.clock.instant(), tracing::debug_span!("storage", op = "push"));
        let (records, bytes) = (push.changes().len(), push.bytes());
        // Enqueued here and not in the future: the call fixes the order of the push.
        let ticket = span.in_scope(|| self.0.inner.enqueue(grant, push));
        let shared = self.0.clone();
        let outcome = async move {
            let result: Result<Pushed, PushError> = ticket.await;
            shared.count(Operation::push.place(), started, &result);
            if let Ok(pushed) = &result {
                shared.volume.pushed(pushed, records, bytes);
            }
            result
        };
        if span.is_disabled() { Ticket::new(outcome) } else { Ticket::new(outcome.instrument(span)) }
    }

    async fn begin_pull(
        &self,
        grant: &ReadGrant,
        request: PullRequest,
    ) -> Result<(PullState, PullPage), PullError> {
        let begun =
            self.measure(Operation::begin_pull.place(), self.0.inner.begin_pull(grant, request)).await?;
        self.0.volume.pulled(&begun.1);
        Ok(begun)
    }

    async fn pull_page(
        &self,
        grant: &ReadGrant,
        state: &PullState,
        position: PullPosition,
    ) -> Result<PullPage, StorageError> {
        let work = self.0.inner.pull_page(grant, state, position);
        let page = self.measure(Operation::pull_page.place(), work).await?;
        self.0.volume.pulled(&page);
        Ok(page)
    }

    async fn blob_piece(
        &self,
        grant: &ReadGrant,
        version: RecordVersion,
        from: usize,
        length: usize,
    ) -> Result<Option<Bytes>, StorageError> {
        let work = self.0.inner.blob_piece(grant, version, from, length);
        self.measure(Operation::blob_piece.place(), work).await
    }
}

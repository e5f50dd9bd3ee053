//! A store that keeps personal spaces and nothing of what is shared: its adapter has only the one half of the contract.
//!
//! It says that what it cannot do is unavailable, which is a failure and never a refusal, so that no client gives up a
//! space for it.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use less_sync_core::{Cid, Cursor, FileId, InvitationId, MailboxId, RecordId, SpaceId};
use less_sync_storage::{
    ActorHash, AdminGrant, Advanced, Appended, DekListing, DekPage, DekPosition, Deks, EpochKeys, Epochs,
    Invitation, Invitations, KeyShares, MailboxLimits, MailboxPage, MemberLimits, MemberList, MemberRange,
    Members, MembersHead, NewInvitation, NewMember, Permit, PullPage, PullPosition, PullRequest, PullState,
    Push, PushLimits, Pushed, RateAction, RateLimit, RateLimits, ReadGrant, Records, Revocations, RevokedCid,
    Rewrap, RewrapGuard, Rewrapped, Space, SpaceKind, Spaces, Storage, StorageError, WriteGrant,
};

/// The adapter behind it.
pub(super) struct PersonalOnly<S>(pub(super) Arc<S>);

fn not_kept<T>() -> Result<T, StorageError> {
    Err(StorageError::Unavailable("this database does not keep what is shared".into()))
}

#[async_trait]
impl<S: Storage> Spaces for PersonalOnly<S> {
    async fn ping(&self) -> Result<(), StorageError> {
        self.0.ping().await
    }

    async fn spaces(&self, ids: &[SpaceId]) -> Result<Vec<Space>, StorageError> {
        self.0.spaces(ids).await
    }

    async fn create_space(&self, id: SpaceId, client: &str, kind: SpaceKind) -> Result<Space, StorageError> {
        self.0.create_space(id, client, kind).await
    }

    async fn personal_space(&self, id: SpaceId, client: &str) -> Result<Space, StorageError> {
        self.0.personal_space(id, client).await
    }
}

#[async_trait]
impl<S: Storage> Records for PersonalOnly<S> {
    async fn push(&self, grant: &WriteGrant, push: Push, limits: PushLimits) -> Result<Pushed, StorageError> {
        self.0.push(grant, push, limits).await
    }

    async fn begin_pull(&self, grant: &ReadGrant, request: PullRequest) -> Result<PullState, StorageError> {
        self.0.begin_pull(grant, request).await
    }

    async fn pull_page(
        &self,
        grant: &ReadGrant,
        state: &PullState,
        position: PullPosition,
    ) -> Result<PullPage, StorageError> {
        self.0.pull_page(grant, state, position).await
    }
}

/// Methods that answer [`not_kept`], whatever they are asked.
macro_rules! not_kept {
    ($(impl $contract:ident { $(fn $name:ident($($argument:ty),*) -> $answer:ty;)* })*) => {
        $(#[async_trait]
        impl<S: Storage> $contract for PersonalOnly<S> {
            $(async fn $name(&self, $(_: $argument),*) -> Result<$answer, StorageError> {
                not_kept()
            })*
        })*
    };
}

not_kept! {
    impl Revocations {
        fn revoke(&AdminGrant, &RevokedCid) -> ();
        fn is_revoked(SpaceId, &RevokedCid) -> bool;
        fn any_revoked(SpaceId, &[Cid]) -> bool;
    }
    impl Members {
        fn append_member(&ReadGrant, i32, NewMember, MemberLimits) -> Appended;
        fn list_members(&ReadGrant, MemberRange) -> MemberList;
        fn members_head(&ReadGrant) -> MembersHead;
    }
    impl Invitations {
        fn create_invitation(MailboxId, NewInvitation, MailboxLimits) -> Invitation;
        fn invitations(MailboxId, MailboxPage) -> Vec<Invitation>;
        fn invitation(MailboxId, InvitationId) -> Invitation;
        fn delete_invitation(MailboxId, InvitationId) -> ();
        fn purge_invitations(usize) -> usize;
    }
    impl Epochs {
        fn space_state(&ReadGrant) -> Space;
        fn advance_epoch(&AdminGrant, i32, bool) -> Advanced;
        fn complete_rewrap(&AdminGrant, i32) -> ();
    }
    impl Deks {
        fn begin_deks(&ReadGrant, Cursor) -> DekListing;
        fn record_deks(&ReadGrant, &DekListing, DekPosition) -> DekPage<RecordId>;
        fn file_deks(&ReadGrant, &DekListing, DekPosition) -> DekPage<FileId>;
        fn rewrap_deks(&AdminGrant, Vec<Rewrap<RecordId>>, RewrapGuard) -> Rewrapped;
        fn rewrap_file_deks(&AdminGrant, Vec<Rewrap<FileId>>, RewrapGuard) -> Rewrapped;
        fn has_files(&ReadGrant) -> bool;
    }
    impl EpochKeys {
        fn put_epoch_keys(&AdminGrant, i32, KeyShares) -> ();
        fn epoch_key(&ReadGrant, i32, &str) -> Option<Bytes>;
    }
    impl RateLimits {
        fn acquire(RateAction, ActorHash, RateLimit) -> Permit;
        fn release(Permit) -> ();
        fn count_actions(RateAction, ActorHash, std::time::Duration) -> usize;
        fn purge_actions(std::time::Duration, usize) -> usize;
    }
}

//! The storage contract of less-sync: small traits by capability, their value types and errors.
//!
//! The contract depends on no database, object store, runtime or wire format. Adapters implement it
//! (`less-sync-storage-sqlite`, `less-sync-storage-postgres`; `less-sync-storage-objects` for [`Blobs`]) and pass the
//! conformance suite, `less-sync-storage-conformance`. Use cases of the engine call it.
//!
//! # Traits
//!
//! | trait | holds |
//! |---|---|
//! | [`Spaces`], [`Epochs`], [`EpochKeys`] | spaces, their key generations, and the key shares of members |
//! | [`Records`], [`Deks`] | records, pushed and pulled; their wrapped data keys |
//! | [`Files`], [`Objects`], [`Blobs`] | files, the queue of their objects, and the bytes of objects |
//! | [`Members`], [`Revocations`] | the membership log, and revoked tokens |
//! | [`Invitations`], [`RateLimits`] | mailboxes, and counted actions |
//! | [`IssuerBindings`] | the issuers of DIDs and mailboxes |
//! | [`FederationKeys`] | keys that sign requests to peers |
//! | [`HomeRoutes`], [`HomeHints`], [`PeerStates`] | spaces that other servers hold, candidates for their homes, and peers in quarantine |
//! | [`Inventory`], [`Purge`] | the list of all spaces, and the removal of one, for the operator |
//!
//! Code that needs one capability takes one trait: `&dyn Records`, not `&dyn Storage`. One method is one transaction; its
//! documentation states what is atomic, the effect of a repeat, and the errors.
//!
//! # Access
//!
//! Every operation on a space takes a [`ReadGrant`], [`WriteGrant`] or [`AdminGrant`], which only the authorizer of the
//! engine issues. The adapter looks up the revocations of its chain in the same transaction, so a committed revocation
//! applies to the next operation.
//!
//! # Pushes
//!
//! A [`Push`] is checked against its limits when it is made, once. [`Records::enqueue`] gives it a place in the submission
//! queue without waiting; the [`Ticket`] is the outcome. Pushes to one space take effect in the order of their tickets.
//!
//! # Errors
//!
//! [`StorageError`] has what all operations share: rejected access, and failures of the store. Its parameter holds the
//! rejections of one trait, such as [`PushRejection`], so that callers match what they can meet and nothing else.

mod blobs;
mod cursor_jump;
mod database_time;
mod deks;
mod disk_space;
mod epoch_keys;
mod epochs;
mod error;
mod fair_semaphore;
mod federation_keys;
mod files;
mod flow;
mod grant;
mod home_hints;
mod home_routes;
mod inventory;
mod invitations;
mod issuer_bindings;
mod maintenance;
mod members;
mod object_key;
mod object_name;
mod objects;
mod owner_hash;
mod peer_states;
mod plan;
mod pool_state;
mod proof_chain;
mod pull;
mod pull_position;
mod purge;
mod push;
mod quotas;
mod rate_limits;
mod record;
mod records;
mod revocations;
mod row;
mod rules;
mod snapshot_file;
mod spaces;
pub mod stored;
mod turns;
mod violation;

pub use blobs::{BlobError, BlobReader, BlobWriter, Blobs, ListedBlob};
pub use cursor_jump::{
    CursorJump, JUMP_BATCH, JUMP_SETTING, JumpOutcome, JumpPosition, JumpProgress, JumpRejection, JumpRequest,
};
pub use database_time::DatabaseTime;
pub use deks::{
    DEK_PAGE_ROWS, DekError, DekId, DekListing, DekPage, DekPosition, DekRejection, Deks, Rewrap,
    RewrapGuard, Rewrapped, StoredDek,
};
pub use disk_space::{DiskSpace, MountedVolume, Volume};
pub use epoch_keys::{
    EpochKeyError, EpochKeyRejection, EpochKeys, InvalidKeyShares, KeyShares, PRUNED_KEY_SHARES,
};
pub use epochs::{Advanced, EpochError, EpochRejection, Epochs, MAX_COUNTED_KEYS};
pub use error::StorageError;
pub use fair_semaphore::{FairPermit, FairSemaphore, SemaphoreClosed};
pub use federation_keys::{
    AddedKey, FederationKey, FederationKeyError, FederationKeyRejection, FederationKeys, KeyPlacement,
    NewFederationKey, StoredSeed,
};
pub use files::{
    Claim, Claimed, Content, FileChange, FileCommit, FileEntry, FileError, FileRejection, FileState, Files,
    StoredFile, Upload,
};
pub use flow::Flow;
pub use grant::{Access, AdminGrant, ReadGrant, WriteGrant};
pub use home_hints::{HINT_TAG, HOME_HINTS, HomeHint, HomeHints};
pub use home_routes::{
    HomeRouteError, HomeRouteRejection, HomeRoutes, HomeServer, InvalidHomeServer, NewStub, StubOutcome,
};
pub use inventory::{
    INVENTORY_PAGE, Inventory, ListedSpace, PENDING_REWRAPS_BOUND, PendingRewraps, RowCounts,
};
pub use invitations::{
    INVITATION_LIFETIME, Invitation, InvitationError, InvitationRejection, Invitations, MailboxLimits,
    MailboxPage, NewInvitation,
};
pub use issuer_bindings::{BindingKey, IssuerBindings, MAX_ISSUER_BYTES};
pub use maintenance::{Compacted, RewrapState};
pub use members::{
    Appended, InvalidMember, MEMBER_OVERHEAD, MemberEntry, MemberLimits, MemberList, MemberRange, Members,
    MembersHead, MembershipError, MembershipRejection, NewMember,
};
pub use object_key::{InvalidObjectKey, ObjectKey, UploadId};
pub use object_name::ObjectName;
pub use objects::{ClaimDue, DueObject, LiveObject, OBJECT_GRACE, ObjectQueueState, ObjectUse, Objects};
pub use owner_hash::OwnerHash;
pub use peer_states::{PeerState, PeerStates};
pub use plan::UnusedIndex;
pub use pool_state::PoolState;
pub use proof_chain::{InvalidProofChain, ProofChain};
pub use pull::{CursorAhead, PullError, PullPage, PullRejection, PullRequest, PullState, SpaceHead};
pub use pull_position::PullPosition;
pub use purge::{PURGE_BYTES, PURGE_ROWS, PURGED_HOME, Purge, PurgeStep};
pub use push::{
    CHANGE_WEIGHT, Change, CheckedChange, DeletedFile, InvalidPush, Push, PushBuilder, PushError, PushLimits,
    PushRejection, Pushed, Ticket,
};
pub use quotas::{Quota, Quotas, ROW_BYTES, StoredBytes};
pub use rate_limits::{
    ActorHash, Permit, RateAction, RateLimit, RateLimitError, RateLimitRejection, RateLimits,
};
pub use record::{Record, RecordState, RecordVersion};
pub use records::Records;
pub use revocations::Revocations;
pub use row::Row;
pub use rules::{DekRow, OutdatedKeys, REWRAP_ROWS, RewrapPieces, RewrapVerdict};
pub use snapshot_file::SnapshotFile;
pub use spaces::{Space, SpaceKind, SpaceRejection, Spaces, SpacesError};
pub use violation::{MAX_VIOLATIONS, Verified, VerifyReport, Violation};

/// All traits but [`Blobs`], for code that composes them.
pub trait Storage:
    Spaces
    + Records
    + Files
    + Objects
    + Revocations
    + Members
    + Invitations
    + Epochs
    + Deks
    + EpochKeys
    + RateLimits
    + IssuerBindings
    + FederationKeys
    + HomeRoutes
    + HomeHints
    + PeerStates
    + Inventory
    + Purge
{
}
impl<T> Storage for T where
    T: Spaces
        + Records
        + Files
        + Objects
        + Revocations
        + Members
        + Invitations
        + Epochs
        + Deks
        + EpochKeys
        + RateLimits
        + IssuerBindings
        + FederationKeys
        + HomeRoutes
        + HomeHints
        + PeerStates
        + Inventory
        + Purge
        + ?Sized
{
}

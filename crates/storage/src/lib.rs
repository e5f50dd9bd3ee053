//! The storage contract of less-sync: small traits by capability, their value types and errors.
//!
//! Every adapter passes the conformance suite, `less-sync-storage-conformance`.
//! It knows no database, no object store, no runtime and no wire format. One method is one transaction; its documentation
//! says what is atomic, what a repeat does and which errors mean what.

mod blobs;
mod database_time;
mod deks;
mod epoch_keys;
mod epochs;
mod error;
mod files;
mod grant;
mod invitations;
mod members;
mod object_key;
mod objects;
mod proof_chain;
mod push;
mod rate_limits;
mod records;
mod revocations;
mod row;
mod rules;
mod spaces;

pub use blobs::{BlobError, BlobReader, BlobWriter, Blobs, ListedBlob};
pub use database_time::DatabaseTime;
pub use deks::{
    DEK_PAGE_ROWS, DekError, DekId, DekListing, DekPage, DekPosition, DekRejection, Deks, Rewrap,
    RewrapGuard, Rewrapped, StoredDek,
};
pub use epoch_keys::{EpochKeyError, EpochKeyRejection, EpochKeys, InvalidKeyShares, KeyShares};
pub use epochs::{Advanced, COUNTED_LEFTOVERS, EpochError, EpochRejection, Epochs};
pub use error::StorageError;
pub use files::{
    Claim, Claimed, Content, FileChange, FileCommit, FileEntry, FileError, FileRejection, FileState, Files,
    StoredFile, Upload,
};
pub use grant::{Access, AdminGrant, ReadGrant, WriteGrant};
pub use invitations::{
    INVITATION_LIFETIME, Invitation, InvitationError, InvitationRejection, Invitations, MailboxLimits,
    MailboxPage, NewInvitation,
};
pub use members::{
    Appended, InvalidMember, MEMBER_OVERHEAD, MemberEntry, MemberLimits, MemberList, MemberRange, Members,
    MembersHead, MembershipError, MembershipRejection, NewMember,
};
pub use object_key::{InvalidObjectKey, ObjectKey, UploadId};
pub use objects::{ClaimDue, DueObject, LiveObject, OBJECT_GRACE, ObjectQueueState, ObjectUse, Objects};
pub use proof_chain::{InvalidProofChain, ProofChain};
pub use push::{
    Change, CheckedChange, DeletedFile, InvalidPush, Push, PushBuilder, PushError, PushLimits, PushRejection,
    Pushed, Ticket,
};
pub use rate_limits::{
    ActorHash, Permit, RateAction, RateLimit, RateLimitError, RateLimitRejection, RateLimits,
};
pub use records::{
    CursorAhead, PullError, PullPage, PullPosition, PullRejection, PullRequest, PullState, Record,
    RecordState, Records,
};
pub use revocations::{InvalidRevokedCid, Revocations, RevokedCid};
pub use row::Row;
pub use rules::{DekRow, RewrapVerdict};
pub use spaces::{Space, SpaceKind, SpaceRejection, Spaces, SpacesError};

/// All of it. Code that needs less asks for less: `&dyn Records`, not `&dyn Storage`.
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
        + ?Sized
{
}

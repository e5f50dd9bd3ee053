//! Invitations: encrypted payloads in mailboxes (storage §3.14).

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use less_sync_core::{InvitationId, MailboxId, PeerId};

use crate::error::rejections;
use crate::{DatabaseTime, StorageError};

/// Default lifetime of an invitation.
pub const INVITATION_LIFETIME: Duration = Duration::from_hours(7 * 24);

/// An invitation to store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewInvitation {
    /// Random, made by the server.
    pub id: InvitationId,
    /// Ciphertext.
    pub payload: Bytes,
    /// The delivering server, if it is another one.
    pub origin_peer: Option<String>,
}

/// A stored invitation. The sender is not recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// Id of the invitation.
    pub id: InvitationId,
    /// Ciphertext, as received.
    pub payload: Bytes,
    /// Time of storage.
    pub created_at: DatabaseTime,
    /// Expiry: no operation returns the invitation from this instant on.
    pub expires_at: DatabaseTime,
}

/// Bounds of a mailbox.
#[derive(Clone, Copy, Debug)]
pub struct MailboxLimits {
    /// Unexpired invitations (`MAX_INVITATIONS_PER_MAILBOX`).
    pub invitations: usize,
    /// Unexpired invitations from one peer.
    pub from_one_peer: usize,
    /// Lifetime of an invitation (`WS_INVITATION_TTL`); [`INVITATION_LIFETIME`] by default.
    pub lifetime: Duration,
}

/// Page of invitations to list.
#[derive(Clone, Copy, Debug)]
pub struct MailboxPage {
    /// Start of the page, exclusive.
    pub after: Option<InvitationId>,
    /// Maximum number of invitations.
    pub limit: usize,
    /// Bytes of payload after which the page ends; its last invitation may exceed them.
    pub max_bytes: usize,
}

rejections! {
    InvitationError:
    /// Rejections of operations on mailboxes.
    InvitationRejection {
        /// No such invitation in this mailbox.
        #[error("invitation not found")]
        NotFound,
        /// The mailbox, or the share of it that one peer may fill, is full.
        #[error("mailbox full")]
        MailboxFull,
        /// The disk of an embedded database is at its reserve.
        #[error("store full")]
        StoreFull,
    }
}

/// Invitations. They belong to a mailbox and to no space; the caller has checked access to the mailbox.
#[async_trait]
pub trait Invitations: Send + Sync {
    /// Stores an invitation for [`MailboxLimits::lifetime`], unless the mailbox is full; both in one statement. A repeat with
    /// another id is another invitation.
    ///
    /// # Errors
    /// [`InvitationRejection::MailboxFull`]; [`InvitationRejection::StoreFull`].
    async fn create_invitation(
        &self,
        mailbox: MailboxId,
        invitation: NewInvitation,
        limits: MailboxLimits,
    ) -> Result<Invitation, InvitationError>;

    /// Unexpired invitations of a mailbox, oldest first (time of creation, then id). An invitation that has expired still
    /// serves as the position `after`; one that is unknown, deleted or in another mailbox gives an empty page.
    ///
    /// # Errors
    /// Failures of the database only.
    async fn invitations(
        &self,
        mailbox: MailboxId,
        page: MailboxPage,
    ) -> Result<Vec<Invitation>, StorageError>;

    /// Reads an unexpired invitation of a mailbox.
    ///
    /// # Errors
    /// [`InvitationRejection::NotFound`], also when it is in another mailbox.
    async fn invitation(&self, mailbox: MailboxId, id: InvitationId) -> Result<Invitation, InvitationError>;

    /// Deletes one invitation of a mailbox, expired or not.
    ///
    /// # Errors
    /// [`InvitationRejection::NotFound`], also when it is in another mailbox, and on a repeat.
    async fn delete_invitation(&self, mailbox: MailboxId, id: InvitationId) -> Result<(), InvitationError>;

    /// Deletes the undelivered invitations that `peer` has sent, and returns how many (federation IV-4).
    ///
    /// # Errors
    /// Failures of the database only.
    async fn delete_invitations_from(&self, peer: &PeerId) -> Result<u64, StorageError>;

    /// Deletes up to `batch` expired invitations, the longest expired first, and returns how many. Fewer than `batch`:
    /// there are no more (storage §3.18).
    ///
    /// # Errors
    /// Failures of the database only.
    async fn purge_invitations(&self, batch: usize) -> Result<usize, StorageError>;
}

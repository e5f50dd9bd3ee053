//! Invitations: ciphertext left in the mailbox of another user (protocol §4.11–§4.13).

use bytes::Bytes;
use less_sync_auth::Caller;
use less_sync_core::{InvitationId, MailboxId};
use less_sync_storage::{
    Invitation, InvitationError, InvitationRejection, MailboxLimits, MailboxPage, NewInvitation, RateAction,
};

use crate::{Engine, EngineError};

/// Invitation to be stored. `Debug` shows no field.
#[derive(Clone)]
pub struct InvitationDraft {
    /// Mailbox of the recipient. Every authenticated caller may write to every mailbox.
    pub mailbox: MailboxId,
    /// Ciphertext, readable for the recipient only.
    pub payload: Bytes,
}

impl std::fmt::Debug for InvitationDraft {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("InvitationDraft([redacted])")
    }
}

impl Engine {
    /// Maximum payload of an invitation, in bytes, for edges that check it while they decode.
    #[must_use]
    pub fn max_invitation_payload(&self) -> usize {
        self.settings.invitation_payload
    }

    /// Stores an invitation and notifies the owner of the mailbox. Counts against the caller's hourly rate limit unless it
    /// fails. Not idempotent: a repeat stores a second invitation.
    ///
    /// An invalid request is passed in as an error, since the rate limit is checked before the validity of the request
    /// (protocol §4.11): a caller over the limit gets [`EngineError::RateLimited`], not the validation error.
    ///
    /// # Errors
    /// The error of `draft`; [`EngineError::RateLimited`]; as
    /// [`less_sync_storage::Invitations::create_invitation`].
    pub async fn create_invitation<E: From<EngineError<InvitationRejection>>>(
        &self,
        caller: &Caller,
        draft: Result<InvitationDraft, E>,
    ) -> Result<Invitation, E> {
        let (limit, now) = (self.settings.invitations_per_hour, self.clock.now());
        let counted = self.actions.count(RateAction::Invitation, caller, limit, now).await?;
        let delivered = match draft {
            Ok(draft) => self.deliver(draft).await.map_err(|error| EngineError::from(error).into()),
            Err(error) => Err(error),
        };
        counted.settle(delivered).await
    }

    async fn deliver(&self, draft: InvitationDraft) -> Result<Invitation, InvitationError> {
        let InvitationDraft { mailbox, payload } = draft;
        let invitation =
            NewInvitation { id: InvitationId::from_bytes(self.random.uuid()), payload, origin_peer: None };
        let stored = self.storage.create_invitation(mailbox, invitation, self.mailbox_limits()).await?;
        self.mailbox_notices.invitation_stored(mailbox);
        Ok(stored)
    }

    fn mailbox_limits(&self) -> MailboxLimits {
        self.settings.mailbox_limits
    }

    /// Invitations in the caller's own mailbox, oldest first; empty for a caller without a mailbox (auth §4.2).
    ///
    /// # Errors
    /// As [`less_sync_storage::Invitations::invitations`].
    pub async fn invitations(
        &self,
        caller: &Caller,
        page: MailboxPage,
    ) -> Result<Vec<Invitation>, EngineError> {
        match caller.mailbox_id {
            Some(mailbox) => Ok(self.storage.invitations(mailbox, page).await?),
            None => Ok(Vec::new()),
        }
    }

    /// Invitation `id` in the caller's own mailbox.
    ///
    /// # Errors
    /// As [`less_sync_storage::Invitations::invitation`].
    pub async fn invitation(
        &self,
        caller: &Caller,
        id: InvitationId,
    ) -> Result<Invitation, EngineError<InvitationRejection>> {
        Ok(self.storage.invitation(own_mailbox(caller)?, id).await?)
    }

    /// Deletes one invitation from the caller's own mailbox. Publishes no event.
    ///
    /// # Errors
    /// As [`less_sync_storage::Invitations::delete_invitation`], also on a repeat.
    pub async fn delete_invitation(
        &self,
        caller: &Caller,
        id: InvitationId,
    ) -> Result<(), EngineError<InvitationRejection>> {
        Ok(self.storage.delete_invitation(own_mailbox(caller)?, id).await?)
    }
}

/// Mailbox that the caller's token names. A caller without a mailbox finds no invitation, so the error is the same.
fn own_mailbox(caller: &Caller) -> Result<MailboxId, InvitationError> {
    caller.mailbox_id.ok_or(InvitationRejection::NotFound.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draft_is_not_shown() {
        let draft = InvitationDraft {
            mailbox: MailboxId::from_bytes([7; 32]),
            payload: Bytes::from_static(b"secret"),
        };
        assert_eq!(format!("{draft:?}"), "InvitationDraft([redacted])");
    }
}

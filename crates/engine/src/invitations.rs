//! Invitations: ciphertext left in the mailbox of another user (protocol §4.11–§4.13).

use bytes::Bytes;
use less_sync_auth::Caller;
use less_sync_core::{ErrorChain, InvitationId, MailboxId};
use less_sync_storage::{
    HINT_TAG, HomeHint, Invitation, InvitationError, InvitationRejection, MailboxLimits, MailboxPage,
    NewInvitation, RateAction,
};

use crate::{Engine, EngineError, ForwardingServer, OutgoingInvitation, RelayError};

/// Invitation to be stored. `Debug` shows no field.
#[derive(Clone)]
pub struct InvitationDraft {
    /// Mailbox of the recipient. Every authenticated caller may write to every mailbox.
    pub mailbox: MailboxId,
    /// Ciphertext, readable for the recipient only.
    pub payload: Bytes,
    /// Server of the mailbox, as the caller names it; `None`: this one.
    pub server: Option<String>,
    /// Tag of the space, for another server (federation §11.3).
    pub tag: Option<[u8; 16]>,
}

/// Invitation that was delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivered {
    /// Stored in a mailbox of this server.
    Stored(Invitation),
    /// Taken over by another server.
    Forwarded,
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

    /// Stores an invitation and notifies the owner of the mailbox, or hands it to the server of the mailbox. Counts against the caller's hourly rate limit unless it
    /// fails. Not idempotent: a repeat stores a second invitation.
    ///
    /// An invalid request is passed in as an error, since the rate limit is checked before the validity of the request
    /// (protocol §4.11): a caller over the limit gets [`EngineError::RateLimited`], not the validation error.
    ///
    /// # Errors
    /// The error of `draft`; [`EngineError::RateLimited`]; as
    /// [`less_sync_storage::Invitations::create_invitation`]; [`RelayError`] for a mailbox on another server.
    pub async fn create_invitation<E: From<EngineError<InvitationRejection>> + From<RelayError>>(
        &self,
        caller: &Caller,
        draft: Result<InvitationDraft, E>,
    ) -> Result<Delivered, E> {
        let (limit, now) = (self.settings.invitations_per_hour, self.clock.now());
        let counted = self.actions.count(RateAction::Invitation, &caller.into(), limit, now).await?;
        let delivered = match draft {
            Ok(draft) => match draft.server.clone().filter(|server| !self.relay.is_own(server)) {
                None => {
                    let stored = self.deliver(draft, None).await;
                    stored.map(Delivered::Stored).map_err(|error| EngineError::from(error).into())
                }
                Some(server) => {
                    let InvitationDraft { mailbox, payload, tag, .. } = draft;
                    let outgoing = OutgoingInvitation { mailbox, payload, tag };
                    self.relay.relay(&server, &outgoing).await.map(|()| Delivered::Forwarded).map_err(E::from)
                }
            },
            Err(error) => Err(error),
        };
        counted.settle(delivered).await
    }

    /// Stores an invitation that a user of `server` sends, and notifies the owner of the mailbox (federation §9.5). The number of
    /// invitations of one server in a mailbox is bounded.
    ///
    /// # Errors
    /// As [`less_sync_storage::Invitations::create_invitation`].
    pub async fn deliver_invitation(
        &self,
        server: &ForwardingServer,
        draft: InvitationDraft,
    ) -> Result<(), EngineError<InvitationRejection>> {
        self.deliver(draft, Some(server)).await?;
        Ok(())
    }

    async fn deliver(
        &self,
        draft: InvitationDraft,
        from: Option<&ForwardingServer>,
    ) -> Result<Invitation, InvitationError> {
        let InvitationDraft { mailbox, payload, tag, .. } = draft;
        let id = InvitationId::from_bytes(self.random.uuid());
        let origin_peer = from.map(|server| server.name().to_owned());
        let invitation = NewInvitation { id, payload, origin_peer };
        let stored = self.storage.create_invitation(mailbox, invitation, self.mailbox_limits()).await?;
        self.mailbox_notices.invitation_stored(mailbox);
        if let Some(server) = from {
            self.hint(mailbox, server.name(), tag).await;
        }
        Ok(stored)
    }

    /// Records the inviting server as a candidate for the homes of spaces (federation §11.3). A failure leaves the invitation
    /// as it is: the sender must not repeat it.
    async fn hint(&self, mailbox: MailboxId, server: &str, tag: Option<[u8; HINT_TAG]>) {
        let Ok(peer) = server.parse() else { return };
        let recorded = self
            .storage
            .add_home_hint(mailbox, &HomeHint { peer, tag }, self.mailbox_limits().lifetime)
            .await;
        if let Err(error) = recorded {
            tracing::warn!(error = %ErrorChain(&error), "failed to record a home hint");
        }
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
            server: None,
            tag: None,
        };
        assert_eq!(format!("{draft:?}"), "InvitationDraft([redacted])");
    }
}

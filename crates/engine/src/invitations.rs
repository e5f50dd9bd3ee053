//! Invitations: sealed letters that wait in a mailbox (protocol §4.11–§4.13).

use bytes::Bytes;
use less_sync_auth::Caller;
use less_sync_core::{InvitationId, MailboxId};
use less_sync_storage::{Invitation, MailboxLimits, MailboxPage, NewInvitation, RateAction, StorageError};

use crate::{Engine, EngineError};

/// A letter to somebody's mailbox. `Debug` shows nothing of it.
#[derive(Clone)]
pub struct Letter {
    /// Whose; anybody may write to it.
    pub mailbox: MailboxId,
    /// Ciphertext.
    pub payload: Bytes,
}

impl std::fmt::Debug for Letter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Letter([redacted])")
    }
}

impl Engine {
    /// The largest payload of an invitation, in bytes, for edges that check it while they decode.
    #[must_use]
    pub fn max_invitation_payload(&self) -> usize {
        self.settings.invitation_payload
    }

    /// Leaves a letter in a mailbox and has its owner told. Counts against the caller's hourly budget unless it fails.
    ///
    /// What is wrong with the letter comes in as an error and is told only to those who have any budget left, so that
    /// nobody finds out for free (protocol §4.11). A repeat leaves a second letter.
    ///
    /// # Errors
    /// That of the letter; [`EngineError::RateLimited`]; as
    /// [`less_sync_storage::Invitations::create_invitation`].
    pub async fn create_invitation<E: From<EngineError>>(
        &self,
        caller: &Caller,
        letter: Result<Letter, E>,
    ) -> Result<Invitation, E> {
        let (limit, now) = (self.settings.invitations_per_hour, self.clock.now());
        let counted = self.actions.count(RateAction::Invitation, caller, limit, now).await?;
        let delivered = match letter {
            Ok(letter) => self.deliver(letter).await.map_err(|error| EngineError::from(error).into()),
            Err(error) => Err(error),
        };
        counted.settle(delivered).await
    }

    async fn deliver(&self, letter: Letter) -> Result<Invitation, StorageError> {
        let Letter { mailbox, payload } = letter;
        let invitation = NewInvitation { id: random_id(), payload, origin_peer: None };
        let stored = self.storage.create_invitation(mailbox, invitation, self.mailbox_limits()).await?;
        self.events.invited(mailbox);
        Ok(stored)
    }

    fn mailbox_limits(&self) -> MailboxLimits {
        self.settings.mailbox_limits
    }

    /// What waits in the caller's own mailbox, oldest first; nothing for a caller without one (auth §4.2).
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

    /// One letter in the caller's own mailbox.
    ///
    /// # Errors
    /// As [`less_sync_storage::Invitations::invitation`].
    pub async fn invitation(&self, caller: &Caller, id: InvitationId) -> Result<Invitation, EngineError> {
        Ok(self.storage.invitation(own_mailbox(caller)?, id).await?)
    }

    /// Takes one letter out of the caller's own mailbox. Nobody is told.
    ///
    /// # Errors
    /// As [`less_sync_storage::Invitations::delete_invitation`], also on a repeat.
    pub async fn delete_invitation(&self, caller: &Caller, id: InvitationId) -> Result<(), EngineError> {
        Ok(self.storage.delete_invitation(own_mailbox(caller)?, id).await?)
    }
}

/// The mailbox that the caller's token names. In none there is nothing to be found.
fn own_mailbox(caller: &Caller) -> Result<MailboxId, StorageError> {
    caller.mailbox_id.ok_or(StorageError::InvitationNotFound)
}

/// A random UUID, of version 4.
fn random_id() -> InvitationId {
    const VERSION: u128 = 0xf << 76;
    const VARIANT: u128 = 0b11 << 62;
    let random: u128 = rand::random();
    InvitationId::from_bytes(((random & !(VERSION | VARIANT)) | (4 << 76) | (0b10 << 62)).to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_random_uuids() {
        let ids: std::collections::HashSet<InvitationId> = (0..100).map(|_| random_id()).collect();
        assert_eq!(ids.len(), 100);
        for id in ids {
            let text = id.to_string();
            assert_eq!(text.as_bytes()[14], b'4', "{text}");
            assert!(matches!(text.as_bytes()[19], b'8' | b'9' | b'a' | b'b'), "{text}");
        }
    }

    #[test]
    fn letter_is_not_shown() {
        let letter =
            Letter { mailbox: MailboxId::from_bytes([7; 32]), payload: Bytes::from_static(b"secret") };
        assert_eq!(format!("{letter:?}"), "Letter([redacted])");
    }
}

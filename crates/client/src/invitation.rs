//! Mailboxes (protocol §4.11–§4.13).

use less_sync_core::wire::Empty;
use less_sync_core::wire::invitation as wire;
use less_sync_core::wire::method;
use less_sync_core::{InvitationId, MailboxId};

use crate::call::Answer;
use crate::connection::Connection;
use crate::error::CallError;

/// Invitations of one page.
const PAGE: i32 = 200;

/// Something that somebody left in a mailbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// Which.
    pub id: InvitationId,
    /// As it was sent: whoever wrote it made sure that only its reader can open it, or did not.
    pub payload: String,
    /// RFC 3339, UTC.
    pub created_at: String,
    /// RFC 3339, UTC.
    pub expires_at: String,
}

impl Connection {
    /// Leaves `payload`, up to 128 KiB, in a mailbox of this server for seven days.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn invite(&self, mailbox: MailboxId, payload: &str) -> Result<Invitation, CallError> {
        let mailbox_id = mailbox.to_hex();
        let params =
            wire::InvitationCreateParams { mailbox_id: &mailbox_id, payload, server: None, tag: None };
        let answer = self.call(method::INVITATION_CREATE, &params).await?;
        single(&answer)
    }

    /// A page of one's own mailbox, oldest first, from the one behind `after` on; the last page is empty.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn invitations(&self, after: Option<InvitationId>) -> Result<Vec<Invitation>, CallError> {
        let after = after.map(|id| id.to_string());
        let params = wire::InvitationListParams { limit: PAGE, after: after.as_deref() };
        let answer = self.call(method::INVITATION_LIST, &params).await?;
        let list: wire::InvitationListResult<'_> = answer.decode()?;
        list.invitations.iter().map(invitation).collect()
    }

    /// One invitation of one's own mailbox.
    ///
    /// # Errors
    /// See [`CallError`]; `not_found` when it is not there, or no longer.
    pub async fn invitation(&self, id: InvitationId) -> Result<Invitation, CallError> {
        let id = id.to_string();
        let answer = self.call(method::INVITATION_GET, &wire::InvitationIdParams { id: &id }).await?;
        single(&answer)
    }

    /// Throws one invitation of one's own mailbox away.
    ///
    /// # Errors
    /// See [`CallError`]; `not_found` when it is not there, or no longer.
    pub async fn delete_invitation(&self, id: InvitationId) -> Result<(), CallError> {
        let id = id.to_string();
        let answer = self.call(method::INVITATION_DELETE, &wire::InvitationIdParams { id: &id }).await?;
        answer.decode::<Empty>().map(drop)
    }
}

fn single(answer: &Answer) -> Result<Invitation, CallError> {
    invitation(&answer.decode()?)
}

fn invitation(wire: &wire::Invitation<'_>) -> Result<Invitation, CallError> {
    Ok(Invitation {
        id: wire.id.parse().map_err(|_| CallError::Undecodable)?,
        payload: wire.payload.to_owned(),
        created_at: wire.created_at.to_owned(),
        expires_at: wire.expires_at.to_owned(),
    })
}

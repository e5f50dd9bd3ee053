//! Invitations in mailboxes (protocol §4.11–§4.13).

use less_sync_core::wire::Empty;
use less_sync_core::wire::invitation as wire;
use less_sync_core::wire::method;
use less_sync_core::{CanonicalDomain, InvitationId, MailboxId, SpaceId};
use sha2::{Digest as _, Sha256};

use crate::call::Response;
use crate::connection::Connection;
use crate::error::CallError;

/// Maximum invitations per page.
const PAGE: i32 = 200;

/// Prefix of the hashed text of a space hint, which ends with the bytes of the space (protocol §4.21).
const HINT_LABEL: &[u8] = b"less-sync:space-hint:v1\0";

/// Invitation in a mailbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// Id of the invitation.
    pub id: InvitationId,
    /// Payload as sent, opaque to the server; see [`Offer`](crate::sharing::Offer).
    pub payload: String,
    /// Time of creation, RFC 3339 in UTC.
    pub created_at: String,
    /// Time of expiry, RFC 3339 in UTC.
    pub expires_at: String,
}

impl Connection {
    /// Creates an invitation with `payload`, up to 128 KiB, in a mailbox of this server. It expires after seven days.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn invite(&self, mailbox: MailboxId, payload: &str) -> Result<Invitation, CallError> {
        let mailbox_id = mailbox.to_hex();
        let params =
            wire::InvitationCreateParams { mailbox_id: &mailbox_id, payload, server: None, tag: None };
        let response = self.call(method::INVITATION_CREATE, &params).await?;
        single(&response)
    }

    /// As [`Self::invite`], in a mailbox of `server`, which this server must trust. The hint about `space` lets the server of
    /// the mailbox find the home of the space. Returns `None` when another server has the invitation, which can then not be
    /// fetched here.
    ///
    /// # Errors
    /// See [`CallError`]; `bad_request` when the server is not a trusted peer.
    pub async fn invite_at(
        &self,
        server: &CanonicalDomain,
        mailbox: MailboxId,
        space: SpaceId,
        payload: &str,
    ) -> Result<Option<Invitation>, CallError> {
        let (mailbox_id, server, tag) = (mailbox.to_hex(), server.to_string(), space_hint(space));
        let params = wire::InvitationCreateParams {
            mailbox_id: &mailbox_id,
            payload,
            server: Some(&server),
            tag: Some(&tag),
        };
        let response = self.call(method::INVITATION_CREATE, &params).await?;
        let created: wire::Invitation<'_> = response.decode()?;
        if created.id == wire::FORWARDED { Ok(None) } else { invitation(&created).map(Some) }
    }

    /// Lists a page of the caller's mailbox, oldest first, after the invitation `after`; the last page is empty.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn invitations(&self, after: Option<InvitationId>) -> Result<Vec<Invitation>, CallError> {
        let after = after.map(|id| id.to_string());
        let params = wire::InvitationListParams { limit: PAGE, after: after.as_deref() };
        let response = self.call(method::INVITATION_LIST, &params).await?;
        let list: wire::InvitationListResult<'_> = response.decode()?;
        list.invitations.iter().map(invitation).collect()
    }

    /// Fetches an invitation of the caller's mailbox.
    ///
    /// # Errors
    /// See [`CallError`]; `not_found` for an unknown, deleted or expired invitation.
    pub async fn invitation(&self, id: InvitationId) -> Result<Invitation, CallError> {
        let id = id.to_string();
        let response = self.call(method::INVITATION_GET, &wire::InvitationIdParams { id: &id }).await?;
        single(&response)
    }

    /// Deletes an invitation of the caller's mailbox.
    ///
    /// # Errors
    /// See [`CallError`]; `not_found` for an unknown, deleted or expired invitation.
    pub async fn delete_invitation(&self, id: InvitationId) -> Result<(), CallError> {
        let id = id.to_string();
        let response = self.call(method::INVITATION_DELETE, &wire::InvitationIdParams { id: &id }).await?;
        response.decode::<Empty>().map(drop)
    }
}

/// Hint about a space for the server of a mailbox. Without the id of the space it has no meaning.
fn space_hint(space: SpaceId) -> [u8; 16] {
    let digest = Sha256::new().chain_update(HINT_LABEL).chain_update(space.as_bytes()).finalize();
    let mut hint = [0; 16];
    hint.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
    hint
}

fn single(response: &Response) -> Result<Invitation, CallError> {
    invitation(&response.decode()?)
}

fn invitation(wire: &wire::Invitation<'_>) -> Result<Invitation, CallError> {
    Ok(Invitation {
        id: wire.id.parse().map_err(|_| CallError::Undecodable)?,
        payload: wire.payload.to_owned(),
        created_at: wire.created_at.to_owned(),
        expires_at: wire.expires_at.to_owned(),
    })
}

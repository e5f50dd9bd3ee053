//! `invitation.create`, `.list`, `.get` and `.delete` (protocol §4.11–§4.13).

use less_sync_core::cbor::Encode;
use less_sync_core::wire::Empty;
use less_sync_core::wire::invitation::{
    FORWARDED, Invitation as WireInvitation, InvitationCreateParams, InvitationIdParams,
    InvitationListParams, InvitationListResult,
};
use less_sync_core::{ErrorCode, InvitationId, limits};
use less_sync_engine::{Delivered, EngineError, InvitationDraft, RelayError};
use less_sync_storage::{Invitation, InvitationRejection, MailboxPage};

use crate::context::Context;
use crate::rfc3339::rfc3339;
use crate::rpc_error::RpcError;

/// Default number of invitations per page.
const DEFAULT_PAGE: usize = 50;

/// Maximum number of invitations per page, inclusive.
const MAX_PAGE: usize = 200;

/// Error of an invitation that was not stored.
enum Undelivered {
    Malformed(RpcError),
    Engine(EngineError<InvitationRejection>),
    Relay(RelayError),
}

impl From<RelayError> for Undelivered {
    fn from(error: RelayError) -> Self {
        Self::Relay(error)
    }
}

impl From<EngineError<InvitationRejection>> for Undelivered {
    fn from(error: EngineError<InvitationRejection>) -> Self {
        Self::Engine(error)
    }
}

/// `invitation.create`. The engine counts the rate limit before it reports a malformed request (protocol §4.11).
pub(super) async fn create(
    context: &Context,
    params: InvitationCreateParams<'_>,
) -> Result<InvitationText, RpcError> {
    let draft = draft(context, &params).map_err(Undelivered::Malformed);
    let created = context.engine().create_invitation(context.caller()?, draft).await;
    let delivered = created.map_err(|rejection| match rejection {
        Undelivered::Malformed(error) => error,
        Undelivered::Engine(error) => RpcError::with_limit(error, "invitations per hour"),
        Undelivered::Relay(error) => undelivered(error),
    })?;
    match delivered {
        Delivered::Stored(invitation) => InvitationText::new(&invitation),
        Delivered::Forwarded => Ok(InvitationText::forwarded(params.payload)),
    }
}

/// Error of an invitation that another server did not take (federation §14.1).
fn undelivered(error: RelayError) -> RpcError {
    match error {
        RelayError::Disabled => RpcError::bad_request("federation is not enabled on this server"),
        RelayError::Untrusted => RpcError::bad_request("target server is not a trusted federation peer"),
        RelayError::RateLimited(message) => RpcError::new(ErrorCode::RateLimited, message),
        RelayError::TooLarge => RpcError::new(ErrorCode::PayloadTooLarge, "payload too large"),
        RelayError::Failed => {
            RpcError::new(ErrorCode::Internal, "failed to deliver invitation to remote server")
        }
    }
}

/// The invitation, checked in the order of protocol §4.11. A tag of another length is no tag.
fn draft(context: &Context, params: &InvitationCreateParams<'_>) -> Result<InvitationDraft, RpcError> {
    let server = params.server.map(str::to_owned);
    let tag = params.tag.and_then(|tag| tag.try_into().ok());
    Ok(InvitationDraft { server, tag, ..checked(context, params.mailbox_id, params.payload)? })
}

/// The invitation of a client or of another server, checked in the order of protocol §4.11.
pub(super) fn checked(
    context: &Context,
    mailbox_id: &str,
    payload: &str,
) -> Result<InvitationDraft, RpcError> {
    let bad = RpcError::bad_request;
    if mailbox_id.is_empty() {
        return Err(bad("missing mailbox_id"));
    }
    let mailbox = mailbox_id.parse().map_err(|_| bad("mailbox_id must be 64-char hex string"))?;
    if payload.is_empty() {
        return Err(bad("missing payload"));
    }
    if payload.len() > context.engine().max_invitation_payload() {
        return Err(RpcError::new(ErrorCode::PayloadTooLarge, "payload too large"));
    }
    let payload = context.slice(payload.as_bytes());
    Ok(InvitationDraft { mailbox, payload, server: None, tag: None })
}

/// `invitation.list`
pub(super) async fn list(
    context: &Context,
    params: InvitationListParams<'_>,
) -> Result<InvitationTexts, RpcError> {
    let after = params.after.map(str::parse).transpose();
    let after = after.map_err(|_| RpcError::bad_request("invalid invitation cursor"))?;
    let page = MailboxPage { after, limit: page_length(params.limit), max_bytes: limits::LIST_PAYLOAD };
    let invitations = context.engine().invitations(context.caller()?, page).await?;
    invitations.iter().map(InvitationText::new).collect::<Result<_, _>>().map(InvitationTexts)
}

fn page_length(requested: i32) -> usize {
    match usize::try_from(requested) {
        Ok(0) | Err(_) => DEFAULT_PAGE,
        Ok(requested) => requested.min(MAX_PAGE),
    }
}

/// `invitation.get`
pub(super) async fn get(
    context: &Context,
    params: InvitationIdParams<'_>,
) -> Result<InvitationText, RpcError> {
    let id = invitation_id(&params)?;
    InvitationText::new(&context.engine().invitation(context.caller()?, id).await?)
}

/// `invitation.delete`
pub(super) async fn delete(context: &Context, params: InvitationIdParams<'_>) -> Result<Empty, RpcError> {
    let id = invitation_id(&params)?;
    context.engine().delete_invitation(context.caller()?, id).await?;
    Ok(Empty)
}

fn invitation_id(params: &InvitationIdParams<'_>) -> Result<InvitationId, RpcError> {
    params.id.parse().map_err(|_| RpcError::bad_request("invalid invitation id"))
}

/// A stored invitation in the texts of the wire.
pub(super) struct InvitationText {
    id: String,
    payload: String,
    created_at: String,
    expires_at: String,
}

impl InvitationText {
    /// Payloads arrive as text; a stored payload that is not UTF-8 was damaged.
    fn new(invitation: &Invitation) -> Result<Self, RpcError> {
        let payload = std::str::from_utf8(&invitation.payload).map_err(|_| {
            tracing::error!("stored invitation is not valid UTF-8");
            RpcError::new(ErrorCode::Internal, "internal")
        })?;
        Ok(Self {
            id: invitation.id.to_string(),
            payload: payload.to_owned(),
            created_at: rfc3339(invitation.created_at),
            expires_at: rfc3339(invitation.expires_at),
        })
    }

    /// Invitation that another server holds.
    fn forwarded(payload: &str) -> Self {
        let (created_at, expires_at) = (String::new(), String::new());
        Self { id: FORWARDED.to_owned(), payload: payload.to_owned(), created_at, expires_at }
    }

    fn wire(&self) -> WireInvitation<'_> {
        let Self { id, payload, created_at, expires_at } = self;
        WireInvitation { id, payload, created_at, expires_at }
    }
}

impl Encode for InvitationText {
    fn encode(&self, out: &mut Vec<u8>) {
        self.wire().encode(out);
    }

    fn size_hint(&self) -> usize {
        self.wire().size_hint()
    }
}

/// A page of a mailbox as [`InvitationListResult`].
pub(super) struct InvitationTexts(Vec<InvitationText>);

impl Encode for InvitationTexts {
    fn encode(&self, out: &mut Vec<u8>) {
        InvitationListResult { invitations: self.0.iter().map(InvitationText::wire).collect() }.encode(out);
    }

    fn size_hint(&self) -> usize {
        self.0.iter().map(Encode::size_hint).sum()
    }
}

//! `invitation.create`, `.list`, `.get` and `.delete` (protocol §4.11–§4.13).

use std::sync::Arc;

use less_sync_core::wire::Empty;
use less_sync_core::wire::invitation::{
    Invitation as Wire, InvitationCreateParams, InvitationIdParams, InvitationListParams,
    InvitationListResult,
};
use less_sync_core::{ErrorCode, InvitationId, limits};
use less_sync_engine::{EngineError, Letter};
use less_sync_storage::{Invitation, MailboxPage};

use super::Finished;
use crate::call::Call;
use crate::connection::Connection;
use crate::outbound::RpcError;
use crate::rfc3339::rfc3339;

/// Invitations of a page, unless the client asks for fewer or more.
const PAGE: usize = 50;

/// Invitations of a page at most.
const LONGEST_PAGE: usize = 200;

/// `invitation.create`
pub(super) async fn create(connection: Arc<Connection>, call: Call) -> Finished {
    let created = try_create(&connection, &call).await;
    let readable = created.and_then(|invitation| Readable::new(&invitation));
    let result = readable.as_ref().map(Readable::wire).map_err(Clone::clone);
    connection.answer(&call, result).await;
    Finished::default()
}

/// `invitation.list`
pub(super) async fn list(connection: Arc<Connection>, call: Call) -> Finished {
    let listed = try_list(&connection, &call).await;
    let readable: Result<Vec<Readable>, _> =
        listed.and_then(|invitations| invitations.iter().map(Readable::new).collect());
    let result = readable.as_ref().map_err(Clone::clone).map(|invitations| InvitationListResult {
        invitations: invitations.iter().map(Readable::wire).collect(),
    });
    connection.answer(&call, result).await;
    Finished::default()
}

/// `invitation.get`
pub(super) async fn get(connection: Arc<Connection>, call: Call) -> Finished {
    let found = try_get(&connection, &call).await;
    let readable = found.and_then(|invitation| Readable::new(&invitation));
    let result = readable.as_ref().map(Readable::wire).map_err(Clone::clone);
    connection.answer(&call, result).await;
    Finished::default()
}

/// `invitation.delete`
pub(super) async fn delete(connection: Arc<Connection>, call: Call) -> Finished {
    let result = try_delete(&connection, &call).await;
    connection.answer(&call, result).await;
    Finished::default()
}

/// Why a letter was not delivered.
enum Undelivered {
    Malformed(RpcError),
    Engine(EngineError),
}

impl From<EngineError> for Undelivered {
    fn from(error: EngineError) -> Self {
        Self::Engine(error)
    }
}

async fn try_create(connection: &Connection, call: &Call) -> Result<Invitation, RpcError> {
    let params: InvitationCreateParams<'_> =
        call.params().map_err(|cause| RpcError::invalid_params("invitation create", cause))?;
    let engine = &connection.endpoint.engine;
    let letter = letter(call, &params, engine.max_invitation_payload()).map_err(Undelivered::Malformed);
    engine.create_invitation(&connection.caller(), letter).await.map_err(|rejection| match rejection {
        Undelivered::Malformed(error) => error,
        Undelivered::Engine(EngineError::RateLimited { limit }) => RpcError::new(
            ErrorCode::RateLimited,
            format!("rate limit exceeded: max {limit} invitations per hour"),
        ),
        Undelivered::Engine(error) => error.into(),
    })
}

/// The letter, checked in the order of protocol §4.11. `tag` is for servers of others, and there are none.
fn letter(call: &Call, params: &InvitationCreateParams<'_>, max_payload: usize) -> Result<Letter, RpcError> {
    let bad = |message: &'static str| RpcError::new(ErrorCode::BadRequest, message);
    if params.mailbox_id.is_empty() {
        return Err(bad("missing mailbox_id"));
    }
    let mailbox = params.mailbox_id.parse().map_err(|_| bad("mailbox_id must be 64-char hex string"))?;
    if params.payload.is_empty() {
        return Err(bad("missing payload"));
    }
    if params.payload.len() > max_payload {
        return Err(RpcError::new(ErrorCode::PayloadTooLarge, "payload too large"));
    }
    if params.server.is_some() {
        return Err(bad("federation is not enabled on this server"));
    }
    Ok(Letter { mailbox, payload: call.message().slice_ref(params.payload.as_bytes()) })
}

async fn try_list(connection: &Connection, call: &Call) -> Result<Vec<Invitation>, RpcError> {
    let params: InvitationListParams<'_> =
        call.params().map_err(|cause| RpcError::invalid_params("invitation list", cause))?;
    let after = params.after.map(str::parse).transpose();
    let after = after.map_err(|_| RpcError::new(ErrorCode::BadRequest, "invalid invitation cursor"))?;
    let page = MailboxPage { after, limit: page_length(params.limit), max_bytes: limits::LIST_PAYLOAD };
    Ok(connection.endpoint.engine.invitations(&connection.caller(), page).await?)
}

fn page_length(asked: i32) -> usize {
    match usize::try_from(asked) {
        Ok(0) | Err(_) => PAGE,
        Ok(asked) => asked.min(LONGEST_PAGE),
    }
}

async fn try_get(connection: &Connection, call: &Call) -> Result<Invitation, RpcError> {
    let id = invitation_id(call, "invitation get")?;
    Ok(connection.endpoint.engine.invitation(&connection.caller(), id).await?)
}

async fn try_delete(connection: &Connection, call: &Call) -> Result<Empty, RpcError> {
    let id = invitation_id(call, "invitation delete")?;
    connection.endpoint.engine.delete_invitation(&connection.caller(), id).await?;
    Ok(Empty)
}

fn invitation_id(call: &Call, label: &str) -> Result<InvitationId, RpcError> {
    let params: InvitationIdParams<'_> =
        call.params().map_err(|cause| RpcError::invalid_params(label, cause))?;
    params.id.parse().map_err(|_| RpcError::new(ErrorCode::BadRequest, "invalid invitation id"))
}

/// An invitation in the form of the wire.
struct Readable {
    id: String,
    payload: String,
    created_at: String,
    expires_at: String,
}

impl Readable {
    /// Payloads come in as text; one that is none any more was damaged.
    fn new(invitation: &Invitation) -> Result<Self, RpcError> {
        let payload = std::str::from_utf8(&invitation.payload).map_err(|_| {
            tracing::error!("a stored invitation is damaged");
            RpcError::new(ErrorCode::Internal, "internal")
        })?;
        Ok(Self {
            id: invitation.id.to_string(),
            payload: payload.to_owned(),
            created_at: rfc3339(invitation.created_at),
            expires_at: rfc3339(invitation.expires_at),
        })
    }

    fn wire(&self) -> Wire<'_> {
        let Self { id, payload, created_at, expires_at } = self;
        Wire { id, payload, created_at, expires_at }
    }
}

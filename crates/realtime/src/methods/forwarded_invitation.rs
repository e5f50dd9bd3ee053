//! `fed.invitation` (federation §9.5).

use less_sync_core::ErrorCode;
use less_sync_core::wire::federation::{FedInvitationParams, FedInvitationResult};
use less_sync_engine::{EngineError, InvitationDraft};
use less_sync_storage::InvitationRejection;

use super::invitation::checked;
use crate::context::Context;
use crate::rpc_error::RpcError;

/// `fed.invitation`. Stores the invitation of a user of the other server.
pub(super) async fn deliver(
    context: &Context,
    params: FedInvitationParams<'_>,
) -> Result<FedInvitationResult<'static>, RpcError> {
    let link =
        context.server().ok_or_else(|| RpcError::new(ErrorCode::MethodNotFound, "method of servers"))?;
    let tag = params.tag.and_then(|tag| tag.try_into().ok());
    let draft = InvitationDraft { tag, ..checked(context, params.mailbox_id, params.payload)? };
    link.charge_invitation()?;
    let delivered = context.engine().deliver_invitation(link.server(), draft).await;
    link.invitation_ended(delivered.is_ok());
    delivered.map_err(failure)?;
    Ok(FedInvitationResult { ok: true, status: Some("delivered") })
}

fn failure(error: EngineError<InvitationRejection>) -> RpcError {
    let error = RpcError::from(error);
    if error.code == ErrorCode::Internal {
        RpcError::new(ErrorCode::Internal, "internal error")
    } else {
        error
    }
}

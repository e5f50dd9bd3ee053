//! `epoch.begin` and `epoch.complete` (protocol §4.14, §4.15, newer-clients §3.3).

use less_sync_core::wire::Empty;
use less_sync_core::wire::epoch::{
    EPOCH_CONFLICT, EpochBeginParams, EpochBeginResult, EpochBegun, EpochCompleteParams, EpochConflict,
};
use less_sync_storage::Advanced;

use super::params::space_id;
use crate::context::Context;
use crate::rpc_error::RpcError;

/// `epoch.begin`
pub(super) async fn begin(
    context: &Context,
    params: EpochBeginParams<'_>,
) -> Result<EpochBeginResult<'static>, RpcError> {
    let space = space_id(params.space)?;
    let EpochBeginParams { ucan, home_server, epoch, set_min_key_generation, .. } = params;
    let credentials = context.credentials(ucan, home_server);
    let advanced =
        context.engine().begin_epoch(credentials, space, epoch.into(), set_min_key_generation).await?;
    Ok(result(advanced))
}

/// A lost race is a result and not an error: older clients take any error for a network failure (protocol D-05).
fn result(advanced: Advanced) -> EpochBeginResult<'static> {
    match advanced {
        Advanced::Begun(epoch) => EpochBeginResult::Begun(EpochBegun { epoch }),
        Advanced::Conflict { key_generation, rewrap_epoch } => EpochBeginResult::Conflict(EpochConflict {
            error: EPOCH_CONFLICT,
            current_epoch: key_generation,
            rewrap_epoch,
        }),
    }
}

/// `epoch.complete`
pub(super) async fn complete(context: &Context, params: EpochCompleteParams<'_>) -> Result<Empty, RpcError> {
    let space = space_id(params.space)?;
    context
        .engine()
        .complete_epoch(context.credentials(params.ucan, params.home_server), space, params.epoch.into())
        .await?;
    Ok(Empty)
}

//! `epoch.begin` and `epoch.complete` (protocol §4.14, §4.15, newer-clients §3.3).

use std::sync::Arc;

use less_sync_core::SpaceId;
use less_sync_core::wire::Empty;
use less_sync_core::wire::epoch::{
    EPOCH_CONFLICT, EpochBeginParams, EpochBeginResult, EpochBegun, EpochCompleteParams, EpochConflict,
};
use less_sync_engine::Credentials;
use less_sync_storage::Advanced;

use super::Finished;
use crate::call::Call;
use crate::connection::Connection;
use crate::outbound::RpcError;

/// `epoch.begin`
pub(super) async fn begin(connection: Arc<Connection>, call: Call) -> Finished {
    let result = try_begin(&connection, &call).await.map(outcome);
    connection.answer(&call, result).await;
    Finished::default()
}

/// `epoch.complete`
pub(super) async fn complete(connection: Arc<Connection>, call: Call) -> Finished {
    let result = try_complete(&connection, &call).await;
    connection.answer(&call, result).await;
    Finished::default()
}

async fn try_begin(connection: &Connection, call: &Call) -> Result<Advanced, RpcError> {
    let params: EpochBeginParams<'_> =
        call.params().map_err(|cause| RpcError::invalid_params("epoch begin", cause))?;
    let space: SpaceId = params.space.parse().map_err(|_| RpcError::invalid_space_id())?;
    let caller = connection.caller();
    let credentials = Credentials { caller: &caller, ucan: params.ucan };
    let EpochBeginParams { epoch, set_min_key_generation, .. } = params;
    Ok(connection.endpoint.engine.begin_epoch(credentials, space, epoch, set_min_key_generation).await?)
}

/// Losing the race is a result: older clients would take any error for one of the network (protocol D-05).
fn outcome(advanced: Advanced) -> EpochBeginResult<'static> {
    match advanced {
        Advanced::Begun(epoch) => EpochBeginResult::Begun(EpochBegun { epoch }),
        Advanced::Conflict { key_generation, rewrap_epoch } => EpochBeginResult::Conflict(EpochConflict {
            error: EPOCH_CONFLICT,
            current_epoch: key_generation,
            rewrap_epoch,
        }),
    }
}

async fn try_complete(connection: &Connection, call: &Call) -> Result<Empty, RpcError> {
    let params: EpochCompleteParams<'_> =
        call.params().map_err(|cause| RpcError::invalid_params("epoch complete", cause))?;
    let space: SpaceId = params.space.parse().map_err(|_| RpcError::invalid_space_id())?;
    let caller = connection.caller();
    let credentials = Credentials { caller: &caller, ucan: params.ucan };
    connection.endpoint.engine.complete_epoch(credentials, space, params.epoch).await?;
    Ok(Empty)
}

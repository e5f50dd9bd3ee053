//! Requests on spaces that another server holds, handed over to it (federation §12.4).
//!
//! Such a request leaves its lane, so that requests for other spaces go on while its home is slow (federation FW-2). It takes a
//! turn before it does: requests for one space are handed over in arrival order (federation FW-6).

mod fan_out;

use bytes::Bytes;
use less_sync_core::cbor::Encode;
use less_sync_core::wire::federation::ForwardedParams;
use less_sync_engine::{HomeHandle, RemoteCall, RemoteResponse};

use crate::context::Context;
use crate::forward_order::Turn;
use crate::rpc_error::RpcError;
pub(super) use fan_out::publish_push;

/// Result of a home server, passed on as it is.
#[derive(Debug)]
pub(super) struct Forwarded(Bytes);

impl Encode for Forwarded {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0);
    }

    fn size_hint(&self) -> usize {
        self.0.len()
    }
}

/// Turn among the requests for the same space.
pub(super) fn turn(context: &Context) -> Option<Turn> {
    let space = context.call().params::<ForwardedParams<'_>>().ok()?.space?.parse().ok()?;
    Some(context.connection().forwards.enter(space))
}

/// Hands the request to the home server of its space, once those before it have been.
pub(super) async fn begin(
    context: &Context,
    home: &HomeHandle,
    mut turn: Option<Turn>,
) -> Result<RemoteResponse, RpcError> {
    let method = context.call().method.ok_or_else(|| context.invalid_params())?;
    let params = context.call().raw_params().ok_or_else(|| context.invalid_params())?;
    if let Some(turn) = &mut turn {
        turn.comes().await;
    }
    home.begin(RemoteCall { method, params }).await.map_err(RpcError::from)
}

/// Forwards the request, and waits for the response of the home server.
pub(super) async fn forward(
    context: &Context,
    home: &HomeHandle,
    turn: Option<Turn>,
) -> Result<Forwarded, RpcError> {
    let response = begin(context, home, turn).await?;
    let result = response.await.map_err(RpcError::from)?;
    fan_out::publish(context, &result);
    Ok(Forwarded(result))
}

//! `token.refresh` (protocol §4.5).

use std::sync::Arc;

use less_sync_auth::TokenError;
use less_sync_core::ErrorCode;
use less_sync_core::wire::token::{TokenRefreshParams, TokenRefreshResult};

use super::Finished;
use crate::call::Call;
use crate::connection::Connection;
use crate::outbound::RpcError;

/// `token.refresh`
pub(super) async fn refresh(connection: Arc<Connection>, call: Call) -> Finished {
    let mut finished = Finished::default();
    let result = match try_refresh(&connection, &call, &mut finished).await {
        Ok(()) => Ok(TokenRefreshResult { ok: true, error: None }),
        Err(Rejection::Told(reason)) => Ok(TokenRefreshResult { ok: false, error: Some(reason) }),
        Err(Rejection::Failed(error)) => Err(error),
    };
    connection.answer(&call, result).await;
    finished
}

/// Why the previous authorization stays in force.
enum Rejection {
    /// Said in the result.
    Told(&'static str),
    /// Said as an error response.
    Failed(RpcError),
}

async fn try_refresh(connection: &Connection, call: &Call, finished: &mut Finished) -> Result<(), Rejection> {
    let params: TokenRefreshParams<'_> =
        call.params().map_err(|cause| Rejection::Failed(RpcError::invalid_params("token refresh", cause)))?;
    let endpoint = &connection.endpoint;
    let caller = endpoint.authenticate(params.token).await.map_err(rejection)?;
    if !caller.scopes.contains("sync") {
        return Err(Rejection::Told("sync scope required"));
    }
    if !caller.same_identity(&connection.caller()) {
        return Err(Rejection::Told("token identity mismatch"));
    }
    finished.token_valid_for = Some(caller.expires_at.since(endpoint.clock.now()));
    connection.set_caller(caller);
    Ok(())
}

fn rejection(error: TokenError) -> Rejection {
    match error {
        TokenError::Missing => Rejection::Told("missing auth token"),
        TokenError::Invalid(_) => Rejection::Told("invalid auth token"),
        TokenError::Expired => Rejection::Told("expired auth token"),
        TokenError::UntrustedIssuer => Rejection::Told("untrusted auth issuer"),
        TokenError::KeySourceUnavailable => Rejection::Failed(RpcError::new(ErrorCode::Internal, "internal")),
    }
}

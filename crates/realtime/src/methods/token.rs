//! `token.refresh` (protocol §4.5).

use less_sync_auth::TokenError;
use less_sync_core::ErrorCode;
use less_sync_core::rights::Scope;
use less_sync_core::wire::token::{TokenRefreshParams, TokenRefreshResult};

use super::completed::Effect;
use super::stream::{Response, Stream};
use crate::rpc_error::RpcError;

/// `token.refresh`. Rejections are results; the previous authorization stays in force.
pub(super) async fn refresh(
    stream: Stream<'_>,
    params: TokenRefreshParams<'_>,
) -> Result<Response<TokenRefreshResult<'static>>, RpcError> {
    let connection = stream.context.connection();
    let caller = match connection.endpoint.authenticate(params.token).await {
        Ok(caller) => caller,
        Err(error) => return rejection(&error).map(Response::from),
    };
    if !caller.scopes.contains(Scope::Sync.as_str()) {
        return Ok(rejected("sync scope required").into());
    }
    if !caller.same_identity(stream.context.caller()?) {
        return Ok(rejected("token identity mismatch").into());
    }
    let effect = Effect::TokenValidFor(caller.expires_at.since(connection.endpoint.clock.now()));
    connection.set_caller(caller);
    let result = TokenRefreshResult { ok: true, error: None };
    Ok(Response { result, after_write: None, effect })
}

fn rejected(reason: &'static str) -> TokenRefreshResult<'static> {
    TokenRefreshResult { ok: false, error: Some(reason) }
}

/// An invalid token is a result, an outage of its issuer's keys or of the database an error.
fn rejection(error: &TokenError) -> Result<TokenRefreshResult<'static>, RpcError> {
    match error {
        TokenError::Missing => Ok(rejected("missing auth token")),
        TokenError::Invalid(_) => Ok(rejected("invalid auth token")),
        TokenError::Expired => Ok(rejected("expired auth token")),
        TokenError::UntrustedIssuer => Ok(rejected("untrusted auth issuer")),
        TokenError::KeySourceUnavailable | TokenError::BindingUnavailable => {
            Err(RpcError::new(ErrorCode::Internal, "internal"))
        }
    }
}

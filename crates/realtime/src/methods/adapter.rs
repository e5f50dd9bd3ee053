//! Adapters between calls and handlers: decode the params, run the handler, encode and queue the response.

use std::time::Duration;

use less_sync_core::cbor::{Decode, Encode};
use less_sync_core::wire::Empty;
use less_sync_core::{ErrorCode, limits};

use super::stream::{Response, Stream};
use crate::call::Call;
use crate::connection::Connection;
use crate::context::Context;
use crate::outbox::AfterWrite;
use crate::rpc_error::RpcError;

/// Outcome of a request for the session of its connection, once its response is queued.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Completed {
    /// Remaining validity of an access token that the request replaced.
    pub(crate) token_valid_for: Option<Duration>,
    /// Size of the message of the request, in bytes.
    pub(crate) message_bytes: usize,
}

impl Completed {
    fn new(context: &Context, token_valid_for: Option<Duration>) -> Self {
        Self { token_valid_for, message_bytes: context.call().message().len() }
    }
}

/// Runs a handler that returns one response.
pub(super) async fn unary<'a, P, R, F>(
    context: &'a Context,
    handler: impl FnOnce(&'a Context, P) -> F,
) -> Completed
where
    P: Decode<'a>,
    R: Encode,
    F: Future<Output = Result<R, RpcError>>,
{
    let result = match context.params() {
        Ok(params) => handler(context, params).await,
        Err(error) => Err(error),
    };
    respond(context, result, None).await;
    Completed::new(context, None)
}

/// Runs the first phase of a pipelined handler.
pub(super) async fn enqueue<'a, P, Q, F>(
    context: &'a Context,
    handler: impl FnOnce(&'a Context, P) -> F,
) -> Result<Q, RpcError>
where
    P: Decode<'a>,
    F: Future<Output = Q>,
{
    Ok(handler(context, context.params()?).await)
}

/// Runs the second phase of a pipelined handler with what the first phase returned, and responds.
pub(super) async fn finish<'a, Q, R, F>(
    context: &'a Context,
    queued: Result<Q, RpcError>,
    handler: impl FnOnce(&'a Context, Q) -> F,
) -> Completed
where
    R: Encode,
    F: Future<Output = Result<R, RpcError>>,
{
    let result = match queued {
        Ok(queued) => handler(context, queued).await,
        Err(error) => Err(error),
    };
    respond(context, result, None).await;
    Completed::new(context, None)
}

/// Runs a handler that sends frames before its response, or has actions follow it.
pub(super) async fn streaming<'a, P, R, F>(
    context: &'a Context,
    handler: impl FnOnce(Stream<'a>, P) -> F,
) -> Completed
where
    P: Decode<'a>,
    R: Encode,
    F: Future<Output = Result<Response<R>, RpcError>>,
{
    let response = match context.params() {
        Ok(params) => handler(Stream::new(context), params).await,
        Err(error) => Err(error),
    };
    let (result, after_write, token_valid_for) = match response {
        Ok(Response { result, after_write, token_valid_for }) => (Ok(result), after_write, token_valid_for),
        Err(error) => (Err(error), None, None),
    };
    respond(context, result, after_write).await;
    Completed::new(context, token_valid_for)
}

/// Counts and encodes the result, and queues the response. Encoding happens before the returned future is polled, so that
/// the result is freed before the wait for room in the outbox, which may be long.
fn respond<R: Encode>(
    context: &Context,
    result: Result<R, RpcError>,
    after: Option<AfterWrite>,
) -> impl Future<Output = ()> {
    context.count(result.is_ok());
    let frame = context.encode(&result);
    drop(result);
    context.queue(frame, after)
}

/// Runs a notification handler; undecodable params are ignored (protocol §2.4).
pub(super) fn notification<'a, P: Decode<'a>>(
    connection: &'a Connection,
    call: &'a Call,
    handler: impl FnOnce(&'a Connection, &P),
) {
    if let Ok(params) = call.params() {
        handler(connection, &params);
    }
}

/// Responds to a request that names no request method (protocol §2.4). The echo of the name is truncated.
pub(crate) async fn respond_unknown_method(context: Context) -> Completed {
    let name = context.call().name();
    let name = name.get(..name.floor_char_boundary(limits::METHOD_NAME)).unwrap_or_default();
    let error = RpcError::new(ErrorCode::MethodNotFound, format!("unknown method: {name}"));
    respond(&context, Err::<Empty, _>(error), None).await;
    Completed::new(&context, None)
}

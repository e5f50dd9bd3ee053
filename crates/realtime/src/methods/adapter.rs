//! Adapters between calls and handlers: decode the params, run the handler, encode and queue the response.

use bytes::Bytes;
use less_sync_core::cbor::{Decode, Encode};
use less_sync_core::wire::Empty;
use less_sync_core::{ErrorCode, limits};
use less_sync_engine::HomeHandle;

use super::completed::{Completed, Effect, Forwarding, Progress};
use super::forward;
use super::stream::{Response, Stream};
use crate::call::Call;
use crate::connection::Connection;
use crate::context::Context;
use crate::forward_order::Turn;
use crate::outbox::AfterWrite;
use crate::repeats::Repeat;
use crate::rpc_error::RpcError;

/// Runs a handler that returns one response.
///
/// # Errors
/// The server that holds the space of the request, which is to be forwarded; there is no response yet.
pub(super) async fn unary<'a, P, R, F>(
    context: &'a Context,
    handler: impl FnOnce(&'a Context, P) -> F,
) -> Result<Completed, HomeHandle>
where
    P: Decode<'a>,
    R: Encode,
    F: Future<Output = Result<R, RpcError>>,
{
    let result = match context.params() {
        Ok(params) => handler(context, params).await,
        Err(error) => Err(error),
    };
    if let Some(home) = result.as_ref().err().and_then(|error| error.home.clone()) {
        return Err(home);
    }
    let effect = effect_of(&result);
    respond(context, result, None).await;
    Ok(Completed::new(context, effect))
}

/// Takes a request out of its lane, to be forwarded to the server that holds its space.
pub(super) fn leave(context: Context, home: HomeHandle) -> Progress {
    let turn = forward::turn(&context);
    let (connection, call) = (context.shared_connection(), context.call().clone());
    let rest = Box::pin(forward(context, home, turn));
    Progress::Forwarded(Forwarding { connection, call, rest })
}

/// Hands a request over to the server that holds its space, and passes the response on.
async fn forward(context: Context, home: HomeHandle, turn: Option<Turn>) -> Completed {
    let forwarded = forward::forward(&context, &home, turn).await;
    respond(&context, forwarded, None).await;
    Completed::new(&context, Effect::None)
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
    let effect = effect_of(&result);
    respond(context, result, None).await;
    Completed::new(context, effect)
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
    let (result, after_write, effect) = match response {
        Ok(Response { result, after_write, effect }) => (Ok(result), after_write, effect),
        Err(error) => (Err(error), None, Effect::None),
    };
    let effect = if result.is_ok() { effect } else { effect_of(&result) };
    respond(context, result, after_write).await;
    Completed::new(context, effect)
}

/// Effect of an error: the close that it names.
fn effect_of<R>(result: &Result<R, RpcError>) -> Effect {
    result.as_ref().err().and_then(|error| error.close).map_or(Effect::None, Effect::Close)
}

/// Counts and encodes the result, and queues the response. Encoding happens before the returned future is polled, so that
/// the result is freed before the wait for room in the outbox, which may be long.
fn respond<R: Encode>(
    context: &Context,
    result: Result<R, RpcError>,
    after: Option<AfterWrite>,
) -> impl Future<Output = ()> {
    let result = result.map_err(|error| context.concealed(error));
    context.conclude(result.as_ref().err().map(|error| error.code));
    if let Err(error) = &result {
        context.deny(None, error);
    }
    let frame = context.encode(&result);
    drop(result);
    context.queue(frame, after)
}

/// Responds with an error to a call that is not executed.
pub(crate) async fn reject(context: Context, error: RpcError) -> Completed {
    respond(&context, Err::<Empty, _>(error), None).await;
    Completed::new(&context, Effect::None)
}

/// Responds to a repeated mutation with the outcome of its first execution (federation PM-9).
pub(crate) async fn respond_again(context: Context, repeat: Repeat) -> Completed {
    let result = match repeat.outcome().await.as_deref() {
        Some(outcome) => outcome.clone().map(Encoded),
        None => Err(RpcError::new(ErrorCode::Internal, "internal")),
    };
    respond(&context, result, None).await;
    Completed::new(&context, Effect::None)
}

/// Encoded result.
struct Encoded(Bytes);

impl Encode for Encoded {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0);
    }

    fn size_hint(&self) -> usize {
        self.0.len()
    }
}

/// Runs a notification handler and returns its number of receivers; undecodable params are ignored (protocol §2.4).
pub(super) fn notification<'a, P: Decode<'a>>(
    connection: &'a Connection,
    call: &'a Call,
    handler: impl FnOnce(&'a Connection, &P) -> usize,
) -> usize {
    call.params().map_or(0, |params| handler(connection, &params))
}

/// Responds to a request that names no request method (protocol §2.4). The echo of the name is truncated.
pub(crate) async fn respond_unknown_method(context: Context) -> Completed {
    let name = context.call().name();
    let name = name.get(..name.floor_char_boundary(limits::METHOD_NAME)).unwrap_or_default();
    let error = RpcError::new(ErrorCode::MethodNotFound, format!("unknown method: {name}"));
    respond(&context, Err::<Empty, _>(error), None).await;
    Completed::new(&context, Effect::None)
}

//! `push` (protocol §4.3, newer-clients §3.1).

use bytes::Bytes;
use less_sync_core::wire::DekField;
use less_sync_core::wire::push::{ChangeParams, PushParams, PushResult};
use less_sync_core::{Cursor, Dek, ErrorCode, RecordId};
use less_sync_engine::{EngineError, QueuedPush};
use less_sync_storage::{InvalidPush, Push, PushBuilder, PushLimits, Pushed};

use super::params::space_id;
use crate::context::Context;
use crate::rpc_error::RpcError;

/// First phase of `push`: authorizes and checks, then enqueues the push in the submission queue of the space. Everything
/// except undecodable params has a result as response (protocol §3.1), so the second phase gets rejections, too.
///
/// The driver runs this phase for one push of a connection at a time, in arrival order, so pushes take effect in that order
/// (protocol §2.5); they wait for their outcomes together, so that they can share a commit.
pub(super) async fn enqueue(context: &Context, params: PushParams<'_>) -> Result<QueuedPush, ErrorCode> {
    let space = space_id(params.space).map_err(|error| error.code)?;
    let engine = context.engine();
    let grant = engine.authorize_push(context.credentials(params.ucan), space).await.map_err(code)?;
    let push = decode(context.call().message(), &params, engine.push_limits())?;
    Ok(engine.enqueue_push(&grant, push, context.connection_id()))
}

/// Second phase of `push`: waits for the outcome.
pub(super) async fn finish(
    context: &Context,
    queued: Result<QueuedPush, ErrorCode>,
) -> Result<PushResult<'static>, RpcError> {
    let result = match queued {
        Ok(queued) => outcome(context, queued).await,
        Err(code) => Err(code),
    };
    Ok(result.unwrap_or_else(rejected))
}

async fn outcome(context: &Context, queued: QueuedPush) -> Result<PushResult<'static>, ErrorCode> {
    match context.engine().finish_push(queued).await.map_err(code)? {
        Pushed::Committed { cursor, .. } => Ok(PushResult { ok: true, cursor, error: None }),
        Pushed::Conflict { cursor, .. } => {
            Ok(PushResult { ok: false, cursor, error: Some(ErrorCode::Conflict.as_str()) })
        }
    }
}

/// The code in the result. A client gives a record up for good after some codes (newer-clients §3.1), so a space that is
/// not here, of which the client holds a chain, is one whose home is not found.
fn code<R>(error: EngineError<R>) -> ErrorCode
where
    R: std::error::Error + 'static,
    RpcError: From<R>,
{
    match error {
        EngineError::UnknownSpace => ErrorCode::HomeUnavailable,
        error @ (EngineError::Forbidden
        | EngineError::HomeUnavailable
        | EngineError::ScopeMissing(_)
        | EngineError::RateLimited { .. }
        | EngineError::Storage(_)) => <RpcError as From<EngineError<R>>>::from(error).code,
    }
}

/// The code of a push that breaks a limit, or names a record twice.
fn invalid(invalid: InvalidPush) -> ErrorCode {
    match invalid {
        InvalidPush::DuplicateRecordId(_) => ErrorCode::BadRequest,
        InvalidPush::TooManyRecords | InvalidPush::BlobTooLarge | InvalidPush::TooManyBytes => {
            ErrorCode::PayloadTooLarge
        }
    }
}

fn rejected(code: ErrorCode) -> PushResult<'static> {
    PushResult { ok: false, cursor: Cursor::ZERO, error: Some(code.as_str()) }
}

/// Decodes and checks the changes in one pass, in the order of protocol §4.3 rows 5 to 7: of each change first id and
/// blob, then key and cursor.
fn decode(message: &Bytes, params: &PushParams<'_>, limits: PushLimits) -> Result<Push, ErrorCode> {
    let mut push = PushBuilder::new(params.changes.len(), limits).map_err(invalid)?;
    for change in &params.changes {
        let id: RecordId = change.id.parse().map_err(|_| ErrorCode::BadRequest)?;
        let blob = change.blob.map(|blob| message.slice_ref(blob));
        let checked = push.check(id, blob).map_err(invalid)?;
        checked.add(expected_cursor(change)?, dek(change)?);
    }
    push.build(params.epoch).map_err(invalid)
}

/// A cursor above the ceiling of all spaces is well formed and matches nothing.
fn expected_cursor(change: &ChangeParams<'_>) -> Result<Cursor, ErrorCode> {
    match Cursor::try_from(change.expected_cursor) {
        Ok(expected) => Ok(expected),
        Err(_) if change.expected_cursor < 0 => Err(ErrorCode::BadRequest),
        Err(_) => Ok(Cursor::MAX),
    }
}

/// The wrapped key of a live change; that of a tombstone is ignored, whatever it is.
fn dek(change: &ChangeParams<'_>) -> Result<Option<Dek>, ErrorCode> {
    match change.dek {
        _ if change.blob.is_none() => Ok(None),
        DekField::Absent => Ok(None),
        DekField::Stated(bytes) => Dek::try_from(bytes).map(Some).map_err(|_| ErrorCode::BadRequest),
        DekField::Conflicting { .. } => Err(ErrorCode::BadRequest),
    }
}

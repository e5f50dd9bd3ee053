//! `push` (protocol §4.3, newer-clients §3.1).

use bytes::Bytes;
use less_sync_core::cbor::Decode as _;
use less_sync_core::wire::DekField;
use less_sync_core::wire::push::{ChangeParams, PushParams, PushResult};
use less_sync_core::{Cursor, Dek, ErrorCode, RecordId, SpaceId};
use less_sync_engine::{EngineError, HomeHandle, QueuedPush, Rule};
use less_sync_storage::{InvalidPush, Push, PushBuilder, PushLimits, Pushed, RecordState};

use super::forward;
use super::params::space_id;
use crate::context::Context;
use crate::forward_order::Turn;
use crate::rpc_error::RpcError;

/// Push between its two phases.
pub(super) enum Queued {
    /// In the submission queue of the store.
    Local(QueuedPush),
    /// To be handed over to the server that holds the space.
    Remote(SpaceId, HomeHandle, Option<Turn>),
}

/// Returns true for a push that another server has to respond to.
pub(super) fn is_forwarded(queued: &Result<Queued, Rejected>) -> bool {
    matches!(queued, Ok(Queued::Remote(..)))
}

/// First phase of `push`: authorizes and checks, then enqueues the push in the submission queue of the space. Everything
/// except undecodable params has a result as response (protocol §3.1), so the second phase gets rejections, too.
///
/// The driver runs this phase for one push of a connection at a time, in arrival order, so pushes take effect in that order
/// (protocol §2.5); they wait for their outcomes together, so that they can share a commit.
pub(super) async fn enqueue(context: &Context, params: PushParams<'_>) -> Result<Queued, Rejected> {
    let space = space_id(params.space).map_err(|error| denied(context, None, error))?;
    let engine = context.engine();
    let grant = engine.authorize_push(context.credentials(params.ucan, params.home_server), space).await;
    let grant = match grant {
        Err(EngineError::Remote(home)) => {
            return Ok(Queued::Remote(space, home, forward::turn(context)));
        }
        other => other.map_err(|error| denied(context, Some(space), rejection(error)))?,
    };
    let push = decode(context.call().message(), &params, engine.push_limits());
    let push = push.map_err(|code| denied(context, Some(space), RpcError::new(code, "")))?;
    if let Some(link) = context.server() {
        let bytes = push.changes().iter().map(|change| bytes_of(&change.state)).sum();
        link.charge_push(push.changes().len(), bytes).map_err(Rejected::Error)?;
    }
    Ok(Queued::Local(engine.enqueue_push(&grant, push, context.connection_id())))
}

/// Second phase of `push`: waits for the outcome.
pub(super) async fn finish(
    context: &Context,
    queued: Result<Queued, Rejected>,
) -> Result<PushResult<'static>, RpcError> {
    let result = match queued {
        Ok(Queued::Local(queued)) => outcome(context, queued).await,
        Ok(Queued::Remote(space, home, turn)) => remote_outcome(context, space, home, turn).await,
        Err(Rejected::Result(code)) => Err(code),
        Err(Rejected::Error(error)) => return Err(error),
    };
    Ok(result.unwrap_or_else(rejected))
}

/// Size of blob and key, which count against the quota of a server.
fn bytes_of(state: &RecordState) -> usize {
    match state {
        RecordState::Live { blob, dek } => blob.len() + dek.map_or(0, |dek| dek.as_bytes().len()),
        RecordState::Tombstone => 0,
    }
}

/// Push that is not enqueued.
pub(super) enum Rejected {
    /// Code of the result.
    Result(ErrorCode),
    /// Error response, for a server beyond its quota (federation §9.4).
    Error(RpcError),
}

impl From<ErrorCode> for Rejected {
    fn from(code: ErrorCode) -> Self {
        Self::Result(code)
    }
}

async fn outcome(context: &Context, queued: QueuedPush) -> Result<PushResult<'static>, ErrorCode> {
    let space = queued.space();
    let pushed = context.engine().finish_push(queued).await;
    match pushed.map_err(|error| denied(context, Some(space), rejection(error)))? {
        Pushed::Committed { cursor, .. } => Ok(PushResult { ok: true, cursor, error: None }),
        Pushed::Conflict { cursor, .. } => {
            Ok(PushResult { ok: false, cursor, error: Some(ErrorCode::Conflict.as_str()) })
        }
    }
}

/// Outcome of a push that was forwarded. An error of the home becomes a result, since a push has no error response
/// (federation §12.4).
async fn remote_outcome(
    context: &Context,
    space: SpaceId,
    home: HomeHandle,
    turn: Option<Turn>,
) -> Result<PushResult<'static>, ErrorCode> {
    let response = forward::begin(context, &home, turn).await;
    let response = response.map_err(|error| denied(context, Some(space), error))?;
    let result = response.await.map_err(|error| denied(context, Some(space), error.into()))?;
    let result = PushResult::decode(&result).map_err(|_| ErrorCode::HomeUnavailable)?;
    if result.ok {
        let params = context.params::<PushParams<'_>>().ok();
        let limits = context.engine().push_limits();
        let push = params.and_then(|params| decode(context.call().message(), &params, limits).ok());
        if let Some(push) = push {
            forward::publish_push(context, space, result.cursor, push.changes().clone());
        }
    }
    let error = result.error.map(|code| ErrorCode::parse(code).unwrap_or(ErrorCode::Internal).as_str());
    Ok(PushResult { ok: result.ok, cursor: result.cursor, error })
}

/// Records a denial, and returns its code for the result.
fn denied(context: &Context, space: Option<SpaceId>, error: RpcError) -> ErrorCode {
    let error = context.concealed(error);
    context.deny(space, &error);
    error.code
}

/// Error whose code goes into the result. A client gives a record up for good after some codes (newer-clients §3.1), so a space that is
/// not here, of which the client holds a chain, is one whose home is not found.
fn rejection<R>(error: EngineError<R>) -> RpcError
where
    R: std::error::Error + 'static,
    RpcError: From<R>,
{
    match error {
        EngineError::UnknownSpace => RpcError::new(ErrorCode::HomeUnavailable, "").by(Rule::UnknownSpace),
        error @ (EngineError::Forbidden(_)
        | EngineError::HomeUnavailable
        | EngineError::HomeUntrusted
        | EngineError::HomeConflict
        | EngineError::Remote(_)
        | EngineError::Home(_)
        | EngineError::ScopeMissing(_)
        | EngineError::RateLimited { .. }
        | EngineError::Storage(_)) => <RpcError as From<EngineError<R>>>::from(error),
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

//! `push` (protocol §4.3, newer-clients §3.1).

use std::collections::HashSet;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use less_sync_core::wire::DekField;
use less_sync_core::wire::push::{ChangeParams, PushParams, PushResult};
use less_sync_core::{Cursor, Dek, Epoch, ErrorCode, RecordId};
use less_sync_engine::EngineError;
use less_sync_storage::{Change, Push, PushLimits, Pushed, RecordState};
use tokio::task::unconstrained;

use super::params::space_id;
use crate::context::Context;
use crate::rpc_error::RpcError;

/// `push`. Everything except undecodable params is answered with a result (protocol §3.1).
///
/// Pushes of one connection run together, so that those which wait share a commit, and take effect in arrival order
/// (protocol §2.5): each lets the next one go only when it has its place in the order of its space.
pub(super) async fn push(context: &Context, params: PushParams<'_>) -> Result<PushResult<'static>, RpcError> {
    // Outside of the runtime's budget: a poll that it cuts short would not take the place it is meant to take.
    Ok(unconstrained(push_in_turn(context, &params)).await.unwrap_or_else(rejected))
}

async fn push_in_turn(context: &Context, params: &PushParams<'_>) -> Result<PushResult<'static>, ErrorCode> {
    let space = space_id(params.space).map_err(|error| error.code)?;
    let (engine, connection) = (context.engine(), context.connection());
    let credentials = context.credentials(params.ucan);
    let turn = connection.turn.lock().await;
    let grant = engine.authorize_push(credentials, space).await.map_err(code)?;
    let push = command(context.call().message(), params, engine.push_limits())?;
    let mut pushing = pin!(engine.push(&grant, push, connection.id));
    let pushed = begun(pushing.as_mut()).await;
    drop(turn);
    let pushed = match pushed {
        Poll::Ready(pushed) => pushed,
        Poll::Pending => pushing.await,
    };
    match pushed.map_err(code)? {
        Pushed::Committed { cursor, .. } => Ok(PushResult { ok: true, cursor, error: None }),
        Pushed::Conflict { cursor, .. } => {
            Ok(PushResult { ok: false, cursor, error: Some(ErrorCode::Conflict.as_str()) })
        }
    }
}

/// The code in the result. A client gives a record up for good after some codes (newer-clients §3.1), so a space that is
/// not here, of which the client holds a chain, is one whose home is not found.
fn code(error: EngineError) -> ErrorCode {
    match error {
        EngineError::UnknownSpace => ErrorCode::HomeUnavailable,
        error @ (EngineError::Forbidden
        | EngineError::HomeUnavailable
        | EngineError::ScopeMissing(_)
        | EngineError::RateLimited { .. }
        | EngineError::Storage(_)) => RpcError::from(error).code,
    }
}

/// Polls once: a push that has begun has its place (storage, [`less_sync_storage::Records::push`]).
async fn begun<F: Future>(mut future: Pin<&mut F>) -> Poll<F::Output> {
    poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await
}

fn rejected(code: ErrorCode) -> PushResult<'static> {
    PushResult { ok: false, cursor: Cursor::ZERO, error: Some(code.as_str()) }
}

/// The changes as a command, checked in the order of protocol §4.3 rows 5 to 7.
fn command(message: &Bytes, params: &PushParams<'_>, limits: PushLimits) -> Result<Push, ErrorCode> {
    if params.changes.len() > limits.records {
        return Err(ErrorCode::PayloadTooLarge);
    }
    let mut seen = Seen::for_changes(params.changes.len());
    let mut total = 0;
    let changes: Arc<[Change]> = params
        .changes
        .iter()
        .map(|change| {
            let change = checked(message, change, limits, &mut seen)?;
            if let RecordState::Live { blob, .. } = &change.state {
                total += blob.len();
            }
            Ok(change)
        })
        .collect::<Result<_, ErrorCode>>()?;
    if total > limits.bytes {
        return Err(ErrorCode::PayloadTooLarge);
    }
    let epoch = params.epoch.and_then(|epoch| Epoch::new(epoch).ok());
    Ok(Push { changes, epoch })
}

fn checked(
    message: &Bytes,
    change: &ChangeParams<'_>,
    limits: PushLimits,
    seen: &mut Seen,
) -> Result<Change, ErrorCode> {
    let id: RecordId = change.id.parse().map_err(|_| ErrorCode::BadRequest)?;
    if !seen.first_time(id) {
        return Err(ErrorCode::BadRequest);
    }
    if change.blob.is_some_and(|blob| blob.len() > limits.blob) {
        return Err(ErrorCode::PayloadTooLarge);
    }
    let expected = Cursor::try_from(change.expected_cursor);
    let state = match change.blob {
        Some(blob) => {
            let dek = match change.dek {
                DekField::Absent => None,
                DekField::Stated(bytes) => Some(Dek::try_from(bytes).map_err(|_| ErrorCode::BadRequest)?),
                DekField::Conflicting { .. } => return Err(ErrorCode::BadRequest),
            };
            RecordState::Live { blob: message.slice_ref(blob), dek }
        }
        None => RecordState::Tombstone,
    };
    // A cursor above the ceiling of all spaces is well formed and matches nothing.
    let expected = match expected {
        Ok(expected) => expected,
        Err(_) if change.expected_cursor < 0 => return Err(ErrorCode::BadRequest),
        Err(_) => Cursor::MAX,
    };
    Ok(Change { id, expected, state })
}

/// Ids met in one push. Most pushes have one change and need no set.
enum Seen {
    One,
    Many(HashSet<RecordId>),
}

impl Seen {
    fn for_changes(count: usize) -> Self {
        if count > 1 { Self::Many(HashSet::with_capacity(count)) } else { Self::One }
    }

    fn first_time(&mut self, id: RecordId) -> bool {
        match self {
            Self::One => true,
            Self::Many(ids) => ids.insert(id),
        }
    }
}

//! `pull` (protocol §4.4, §5.4).

mod chunks;
mod encoding;
mod large_record;

use std::collections::HashSet;

use less_sync_core::wire::chunk;
use less_sync_core::wire::federation::ForwardedPullResult;
use less_sync_core::wire::pull::{OnCursorAhead, PullBegin, PullCommit, PullEntry, PullParams};
use less_sync_core::wire::subscribe::SpaceError;
use less_sync_core::{Cursor, ErrorCode, SpaceId, limits};
use less_sync_engine::{Credentials, EngineError, HomeError};
use less_sync_storage::{CursorAhead, PullRejection, PullRequest, StorageError};

use self::chunks::SpaceChunks;
use super::params::{presented_token, space_id};
use super::stream::{Response, Stream};
use crate::rpc_error::RpcError;

/// `pull`. Streams the spaces in request order; a space that may not be read is skipped. The result for a
/// server lists those (federation RP-5).
pub(super) async fn pull<'p>(
    stream: Stream<'_>,
    params: PullParams<'p>,
) -> Result<Response<ForwardedPullResult<'p>>, RpcError> {
    if params.spaces.len() > limits::SPACES {
        return Err(RpcError::bad_request("too many spaces in pull request"));
    }
    let mut result = ForwardedPullResult { chunks: 0, errors: Vec::new() };
    let mut seen = HashSet::new();
    for entry in &params.spaces {
        let streamed = match space_id(entry.id) {
            // A request streams a space at most once: clients reject a second `pull.begin` (newer-clients §3.2).
            Ok(space) if !seen.insert(space) => continue,
            Ok(space) => stream_space(stream, space, entry, params.on_cursor_ahead).await?,
            Err(error) => Err(error.code),
        };
        match streamed {
            Ok(chunks) => result.chunks += chunks,
            Err(code) if stream.context.server().is_some() => {
                result.errors.push(SpaceError { space: entry.id, error: code.as_str() });
            }
            Err(_) => {}
        }
    }
    Ok(result.into())
}

/// Streams one space and returns the number of chunks, or the code for which the space is skipped.
async fn stream_space(
    stream: Stream<'_>,
    space: SpaceId,
    entry: &PullEntry<'_>,
    on_ahead: Option<OnCursorAhead>,
) -> Result<Result<u64, ErrorCode>, RpcError> {
    // No space reaches a cursor above the maximum: all numbers beyond it are equally ahead.
    let since = Cursor::new(entry.since).unwrap_or(Cursor::MAX);
    let ahead = match on_ahead {
        Some(OnCursorAhead::Error) => CursorAhead::Error,
        // Federation RP-6.
        None if stream.context.server().is_some() => CursorAhead::Error,
        Some(OnCursorAhead::Rewind) | None => CursorAhead::Rewind,
    };
    let request = PullRequest { since, ahead };
    // The first page is read with the begin, and would wait with it for a client that has not taken the space before.
    stream.room().await;
    // A home server gets the mutations before the pull (federation FW-6).
    stream.context.connection().forwards.handed_over(space).await;
    // Read anew for every space: a token refreshed during the stream applies to the rest of it.
    let identity = stream.current_identity();
    let failed = stream.context.connection().failed_verifications();
    let token = match presented_token(stream.context, entry.ucan, entry.token) {
        Ok(token) => token,
        Err(error) => return Ok(skipped(stream, space, error)),
    };
    let presenter = identity.presenter();
    let (ucan, home) = (entry.ucan, entry.home_server);
    let credentials = Credentials { presenter, ucan, home, token: token.as_ref(), failed };
    let mut pull = match stream.context.engine().pull(credentials, space, request).await {
        Ok(pull) => pull,
        Err(error) if is_skipped(&error, ahead) => {
            return Ok(skipped(stream, space, error.into()));
        }
        Err(error) => return Err(error.into()),
    };
    let state = pull.state();
    // A client that names `rewind` requests the whole space; without it, the cursor is one of a lost history.
    if on_ahead.is_none() && since > state.cursor {
        stream.context.connection().note_cursor_ahead();
    }
    let begin = PullBegin {
        space: entry.id,
        prev: state.prev,
        cursor: state.cursor,
        key_generation: state.key_generation,
        rewrap_epoch: state.rewrap_epoch,
    };
    stream.chunk(chunk::PULL_BEGIN, &begin).await;
    let count = SpaceChunks::new(stream, entry.id).rows(&mut pull).await?;
    let commit = PullCommit { space: entry.id, prev: state.prev, cursor: state.cursor, count };
    stream.chunk(chunk::PULL_COMMIT, &commit).await;
    Ok(Ok(count + 2))
}

/// Records the denial of a space, and returns its code.
fn skipped<T>(stream: Stream<'_>, space: SpaceId, error: RpcError) -> Result<T, ErrorCode> {
    let error = stream.context.concealed(error);
    if let Some(rule) = error.rule {
        stream.context.denied(Some(space), "skipped", rule);
    }
    Err(error.code)
}

/// True if the space is skipped silently (protocol §4.4); any other error fails the request. A failure of the home server of a
/// space is none of the other spaces (federation FW-5), unless it is the response that the client asked for.
fn is_skipped(error: &EngineError<PullRejection>, ahead: CursorAhead) -> bool {
    match error {
        EngineError::Home(HomeError::Rejected { code, .. }) => {
            !(ahead == CursorAhead::Error && ErrorCode::parse(code) == Some(ErrorCode::CursorAhead))
        }
        EngineError::Forbidden(_)
        | EngineError::UnknownSpace
        | EngineError::HomeUnavailable
        | EngineError::HomeUntrusted
        | EngineError::HomeConflict
        | EngineError::Home(_)
        | EngineError::Remote(_) => true,
        EngineError::ScopeMissing(_) | EngineError::RateLimited { .. } => false,
        EngineError::Storage(error) => matches!(
            error,
            StorageError::SpaceNotFound | StorageError::SpaceKindMismatch | StorageError::Revoked
        ),
    }
}

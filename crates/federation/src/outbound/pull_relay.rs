//! Pull of a space at its home server: checked, in bounded memory, and continued after gaps (federation §12.4, FW-3, FW-4).
//!
//! The reader of the link never waits for a client. What a client does not take in time is dropped: the pull is cancelled, and
//! begun again behind the last row that was passed on once the client reads.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use less_sync_core::cbor::{Decode as _, Encode as _};
use less_sync_core::wire::federation::ForwardedPullResult;
use less_sync_core::wire::method::Method;
use less_sync_core::wire::pull::{OnCursorAhead, PullBegin, PullCommit, PullEntry, PullParams};
use less_sync_core::{Cursor, ErrorCode, PeerId};
use less_sync_engine::{HomeError, RemotePull, RemoteRows};
use less_sync_storage::{CursorAhead, PullPosition, PullRequest, PullState, Row};

use super::call::{OutboundCall, Repeat, TIMEOUT};
use super::chunk_queue::{Chunk, ChunkKind};
use super::delivered_rows::DeliveredRows;
use super::links::Outbound;
use super::peer::{CallStream, Part};
use super::received_rows;
use super::resumptions::Resumptions;

/// Size from which a group of rows is passed on, in bytes.
const GROUP: usize = 128 * 1024;

/// Kinds of rows.
const ROWS: [ChunkKind; 3] = [ChunkKind::Record, ChunkKind::Membership, ChunkKind::File];

/// Pull in progress.
pub(super) struct PullRelay {
    source: Source,
    state: PullState,
    /// `None` after a gap.
    stream: Option<OpenPull>,
    delivered: DeliveredRows,
    /// Rows that were passed on last; they count as delivered unless they are put back.
    last: Vec<PullPosition>,
    resumptions: Resumptions,
    is_complete: bool,
}

struct Source {
    outbound: Arc<Outbound>,
    peer: PeerId,
    pull: RemotePull,
}

/// Pull that the home server has begun.
struct OpenPull {
    call: CallStream,
    prev: Cursor,
    cursor: Cursor,
    key_generation: less_sync_core::Epoch,
    rewrap_epoch: Option<less_sync_core::Epoch>,
    /// Rows received.
    count: u64,
}

impl PullRelay {
    /// Begins a pull at `peer`.
    ///
    /// # Errors
    /// [`HomeError`]; an error code of the home server for the space alone is one, too.
    pub(super) async fn begin(
        outbound: Arc<Outbound>,
        peer: PeerId,
        pull: RemotePull,
    ) -> Result<Self, HomeError> {
        let source = Source { outbound, peer, pull };
        let mut request = source.pull.request;
        let mut stream = source.open(request).await?;
        let (since, cursor) = (request.since, stream.cursor);
        if stream.prev > cursor {
            // An original home server commits to nothing (federation RP-6).
            if request.ahead == CursorAhead::Error {
                let message = format!("since {since} exceeds current cursor {cursor}");
                return Err(HomeError::Rejected { code: ErrorCode::CursorAhead.as_str().into(), message });
            }
            request.since = Cursor::ZERO;
            stream = source.open(request).await?;
        }
        let OpenPull { prev, cursor, key_generation, rewrap_epoch, .. } = stream;
        if prev != request.since && !(prev == Cursor::ZERO && request.since > cursor) {
            return Err(HomeError::Unavailable);
        }
        let state = PullState { prev, cursor, key_generation, rewrap_epoch, tombstones: true };
        Ok(Self {
            source,
            state,
            stream: Some(stream),
            delivered: DeliveredRows::after(prev),
            last: Vec::new(),
            resumptions: Resumptions::default(),
            is_complete: false,
        })
    }

    /// Begins the rest of the pull.
    async fn resume(&mut self) -> Result<OpenPull, HomeError> {
        let since = self.delivered.complete();
        let request = if since == self.state.prev {
            self.source.pull.request
        } else {
            PullRequest { since, ahead: CursorAhead::Error }
        };
        let stream = self.source.open(request).await?;
        // A home server that was restored meanwhile has another history.
        if stream.prev == since && stream.cursor >= self.state.cursor {
            Ok(stream)
        } else {
            Err(HomeError::Unavailable)
        }
    }

    /// Rows of `first` and of the chunks behind it that have arrived, without those that were delivered.
    fn group(&mut self, first: &Chunk) -> Result<Vec<Row>, HomeError> {
        let (mut rows, mut bytes) = (Vec::new(), 0);
        let mut next = Some(first.clone());
        while let Some(chunk) = next {
            let row = received_rows::row(&chunk, self.source.pull.space).ok_or(HomeError::Unavailable)?;
            if let Some(stream) = &mut self.stream {
                stream.count += 1;
            }
            if row.cursor() <= self.state.prev {
                return Err(HomeError::Unavailable);
            }
            let position = row.position();
            if !self.delivered.has(position) {
                self.resumptions.progress();
                bytes += chunk.data.len();
                self.last.push(position);
                rows.push(row);
            }
            let stream = self.stream.as_ref().filter(|_| bytes < GROUP);
            next = stream.and_then(|stream| stream.call.try_next(&ROWS));
        }
        Ok(rows)
    }

    fn commit(&mut self, chunk: &Chunk) -> Result<(), HomeError> {
        let commit = PullCommit::decode(&chunk.data).map_err(|_| HomeError::Unavailable)?;
        let mut stream = self.stream.take().ok_or(HomeError::Unavailable)?;
        let is_of_space = commit.space.parse().ok() == Some(self.source.pull.space);
        let is_paired = commit.prev == stream.prev && commit.cursor == stream.cursor;
        if !(is_of_space && is_paired && commit.count == stream.count) {
            return Err(HomeError::Unavailable);
        }
        stream.call.complete();
        self.is_complete = true;
        Ok(())
    }

    /// Takes the rows that were passed on last for delivered.
    fn settle(&mut self) {
        for position in self.last.drain(..) {
            self.delivered.add(position);
        }
    }

    async fn next_rows(&mut self) -> Result<Option<Vec<Row>>, HomeError> {
        loop {
            if self.is_complete {
                return Ok(None);
            }
            if self.stream.is_none() {
                self.stream = Some(self.resume().await?);
            }
            let Some(stream) = &mut self.stream else { return Err(HomeError::Unavailable) };
            match stream.call.next().await? {
                Part::Chunk(chunk) if ROWS.contains(&chunk.kind) => {
                    let rows = self.group(&chunk)?;
                    if !rows.is_empty() {
                        return Ok(Some(rows));
                    }
                }
                Part::Chunk(chunk) if chunk.kind == ChunkKind::Commit => self.commit(&chunk)?,
                Part::Chunk(_) | Part::Result(_) => return Err(HomeError::Unavailable),
                Part::Gap => {
                    self.resumptions.gap(stream.call.is_cancellable())?;
                    self.stream = None;
                }
            }
        }
    }
}

#[async_trait]
impl RemoteRows for PullRelay {
    fn state(&self) -> PullState {
        self.state
    }

    async fn next(&mut self) -> Result<Option<Vec<Row>>, HomeError> {
        self.settle();
        let next = self.next_rows().await;
        if next.is_err() {
            // Cancels what goes on.
            self.stream = None;
        }
        next
    }

    fn put_back(&mut self, last: Option<PullPosition>) {
        let delivered = last.and_then(|last| self.last.iter().position(|position| *position == last));
        self.last.truncate(delivered.map_or(0, |index| index + 1));
        self.settle();
        self.stream = None;
        self.is_complete = false;
    }
}

impl Source {
    /// Sends the request, and reads up to the begin of the space.
    async fn open(&self, request: PullRequest) -> Result<OpenPull, HomeError> {
        let id = self.pull.space.to_string();
        let entry = PullEntry {
            id: &id,
            since: request.since.get(),
            ucan: Some(&self.pull.ucan),
            token: None,
            home_server: None,
        };
        let on_cursor_ahead = Some(match request.ahead {
            CursorAhead::Error => OnCursorAhead::Error,
            CursorAhead::Rewind => OnCursorAhead::Rewind,
        });
        let params = PullParams { spaces: vec![entry], on_cursor_ahead };
        let mut encoded = Vec::with_capacity(params.size_hint());
        params.encode(&mut encoded);
        let call = OutboundCall {
            method: Method::Pull.name(),
            params: encoded.into(),
            timeout: TIMEOUT,
            repeat: Repeat::Always,
            feature: None,
        };
        let mut call = self.outbound.stream(&self.peer, call).await?;
        let chunk = match call.next().await? {
            Part::Chunk(chunk) if chunk.kind == ChunkKind::Begin => chunk,
            Part::Result(result) => return Err(skipped(&result)),
            Part::Chunk(_) | Part::Gap => return Err(HomeError::Unavailable),
        };
        let begin = PullBegin::decode(&chunk.data).map_err(|_| HomeError::Unavailable)?;
        if begin.space.parse().ok() != Some(self.pull.space) {
            return Err(HomeError::Unavailable);
        }
        let PullBegin { prev, cursor, key_generation, rewrap_epoch, .. } = begin;
        Ok(OpenPull { call, prev, cursor, key_generation, rewrap_epoch, count: 0 })
    }
}

/// Error of a space without chunks: its code, if the home server names one.
fn skipped(result: &Bytes) -> HomeError {
    let result = ForwardedPullResult::decode(result).ok();
    let code = result.and_then(|result| Some(result.errors.first()?.error.to_owned()));
    let code = code.unwrap_or_else(|| ErrorCode::Forbidden.as_str().to_owned());
    HomeError::Rejected { code, message: String::new() }
}

impl std::fmt::Debug for PullRelay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PullRelay").field("state", &self.state).finish_non_exhaustive()
    }
}

//! Calls with a streamed response: first chunk within the budget, idle timeout, and repetition before the first chunk
//! (federation PM-7, PM-8, PM-12).

use std::sync::Arc;
use std::time::Instant;

use less_sync_engine::HomeError;
use tokio::sync::OwnedSemaphorePermit;

use super::super::call::{OutboundCall, Repeat};
use super::super::chunk_queue::{Chunk, ChunkKind, ChunkQueue, StreamEnd, StreamItem};
use super::super::link::{Attempt, Link, Outgoing};
use super::super::pending::{Entry, SendMark};
use super::super::response::Rejected;
use super::{PeerObject, check_feature};

/// Feature of cancelled calls.
const CANCEL: &str = "cancel";

/// Part of a streamed response.
#[derive(Debug)]
pub(in super::super) enum Part {
    /// Chunk.
    Chunk(Chunk),
    /// Result of the peer, after all chunks.
    Result(bytes::Bytes),
    /// The consumer was too slow, and chunks are missing from here on.
    Gap,
}

/// Streamed response. A dropped one is cancelled at the peer.
pub(in super::super) struct CallStream {
    peer: Arc<PeerObject>,
    call: OutboundCall,
    sent: SentCall,
    started: Instant,
    /// Latest time of the first chunk.
    budget: Instant,
    has_chunk: bool,
    is_repeated: bool,
    /// True until the response has ended.
    is_open: bool,
    _place: OwnedSemaphorePermit,
}

/// Request on a link.
struct SentCall {
    link: Arc<Link>,
    id: String,
    queue: Arc<ChunkQueue>,
    mark: SendMark,
    _entry: Entry,
    _place: OwnedSemaphorePermit,
}

impl PeerObject {
    /// Calls the peer, dialling if needed, for a streamed response.
    ///
    /// # Errors
    /// [`HomeError`] of a call that was certainly not sent.
    pub(in super::super) async fn stream(
        self: &Arc<Self>,
        call: OutboundCall,
    ) -> Result<CallStream, HomeError> {
        let clock = self.shared.deps.clock.clone();
        let started = clock.instant();
        let budget = started + self.shared.deps.timing.budget;
        let opened = tokio::select! {
            biased;
            opened = self.open_stream(&call, budget) => opened,
            () = clock.sleep_until(budget) => Err(HomeError::Unavailable),
        };
        let (place, sent, is_repeated) =
            opened.inspect_err(|error| self.count(call.method, started, Err(error)))?;
        Ok(CallStream {
            peer: self.clone(),
            call,
            sent,
            started,
            budget,
            has_chunk: false,
            is_repeated,
            is_open: true,
            _place: place,
        })
    }

    async fn open_stream(
        self: &Arc<Self>,
        call: &OutboundCall,
        budget: Instant,
    ) -> Result<(OwnedSemaphorePermit, SentCall, bool), HomeError> {
        let place = self.place().await?;
        let link = self.obtain(None).await?;
        let id = link.new_call_id();
        match self.send_stream(link, &id, call).await? {
            Ok(sent) => Ok((place, sent, false)),
            Err(Attempt::Lost { .. }) => {
                let link = self.obtain(Some(budget)).await?;
                let sent = self.send_stream(link, &id, call).await?;
                Ok((place, sent.map_err(|attempt| self.failure(attempt))?, true))
            }
            Err(attempt) => Err(self.failure(attempt)),
        }
    }

    async fn send_stream(
        &self,
        link: Arc<Link>,
        id: &str,
        call: &OutboundCall,
    ) -> Result<Result<SentCall, Attempt>, HomeError> {
        check_feature(&link, call)?;
        let until = self.shared.deps.clock.instant() + call.timeout;
        let (frame, place) = match link.admit(id, call).await {
            Ok(admitted) => admitted,
            Err(attempt) => return Ok(Err(attempt)),
        };
        let queue = Arc::new(ChunkQueue::new(self.shared.deps.timing.relay_bytes));
        let mark = SendMark::default();
        let Some(entry) = link.calls().register_stream(id, queue.clone()) else {
            return Ok(Err(Attempt::Lost { may_have_arrived: false }));
        };
        if let Err(attempt) = link.enqueue(Outgoing { frame, mark: mark.clone() }, until).await {
            return Ok(Err(attempt));
        }
        Ok(Ok(SentCall { link, id: id.to_owned(), queue, mark, _entry: entry, _place: place }))
    }

    fn failure(&self, attempt: Attempt) -> HomeError {
        self.result(attempt).err().unwrap_or(HomeError::Unavailable)
    }
}

impl CallStream {
    /// Next part. Cancel-safe.
    ///
    /// # Errors
    /// [`HomeError`]; the stream has ended, and is incomplete.
    pub(in super::super) async fn next(&mut self) -> Result<Part, HomeError> {
        let next = self.next_part().await;
        if let Err(error) = &next {
            self.is_open &= *error == HomeError::Unavailable && self.sent.link.ended().is_none();
            self.count(Err(error));
        }
        next
    }

    /// Next chunk, if it has arrived already and is of one of these kinds.
    pub(in super::super) fn try_next(&self, kinds: &[ChunkKind]) -> Option<Chunk> {
        self.sent.queue.try_next(kinds)
    }

    /// Returns true when the peer ends a stream that is cancelled.
    pub(in super::super) fn is_cancellable(&self) -> bool {
        self.sent.link.terms().has(CANCEL)
    }

    /// Takes note that the rest of the response is of no interest, and short.
    pub(in super::super) fn complete(&mut self) {
        self.is_open = false;
    }

    async fn next_part(&mut self) -> Result<Part, HomeError> {
        let clock = self.peer.shared.deps.clock.clone();
        loop {
            let until = if self.has_chunk { clock.instant() + self.call.timeout } else { self.budget };
            let item = tokio::select! {
                biased;
                item = self.sent.queue.next() => item,
                () = clock.sleep_until(until) => return Err(HomeError::Unavailable),
            };
            match item {
                StreamItem::Chunk(chunk) => {
                    self.sent.link.touch();
                    self.count(Ok(()));
                    return Ok(Part::Chunk(chunk));
                }
                StreamItem::End(StreamEnd::Overflowed) => return Ok(Part::Gap),
                StreamItem::End(StreamEnd::Lost) => self.repeat().await?,
                StreamItem::End(StreamEnd::Response(response)) => {
                    self.is_open = false;
                    self.count(Ok(()));
                    let rejected = |Rejected { code, message }| HomeError::Rejected { code, message };
                    return response.map(Part::Result).map_err(rejected);
                }
            }
        }
    }

    /// Sends the request once more, over another link, unless a chunk has been passed on.
    async fn repeat(&mut self) -> Result<(), HomeError> {
        let may_have_arrived = self.sent.mark.is_set();
        let may_repeat = self.call.repeat == Repeat::Always || !may_have_arrived;
        if self.has_chunk || self.is_repeated || !may_repeat || self.peer.trusted().is_none() {
            return Err(self.peer.failure(Attempt::Lost { may_have_arrived }));
        }
        self.is_repeated = true;
        let clock = self.peer.shared.deps.clock.clone();
        let (peer, id) = (self.peer.clone(), self.sent.id.clone());
        let again = async {
            let link = peer.obtain(Some(self.budget)).await?;
            let sent = peer.send_stream(link, &id, &self.call).await?;
            sent.map_err(|attempt| peer.failure(attempt))
        };
        self.sent = tokio::select! {
            biased;
            sent = again => sent?,
            () = clock.sleep_until(self.budget) => return Err(HomeError::Unavailable),
        };
        Ok(())
    }

    /// Counts the call once, with its first part.
    fn count(&mut self, outcome: Result<(), &HomeError>) {
        if !std::mem::replace(&mut self.has_chunk, true) {
            self.peer.count(self.call.method, self.started, outcome);
        }
    }
}

impl Drop for CallStream {
    fn drop(&mut self) {
        if self.is_open && self.is_cancellable() && self.sent.link.ended().is_none() {
            self.sent.link.cancel(&self.sent.id);
        }
    }
}

impl std::fmt::Debug for CallStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CallStream").field("method", &self.call.method).finish_non_exhaustive()
    }
}

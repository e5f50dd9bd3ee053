//! Bounded queue between the reader of a link, which never waits, and the consumer of one streamed response (federation PM-2,
//! FW-3).

use std::collections::VecDeque;

use bytes::Bytes;
use less_sync_core::wire::chunk;
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::response::Response;

/// Memory that a chunk takes besides its data, in bytes, rounded up.
const OVERHEAD: usize = 256;

/// Kind of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ChunkKind {
    /// Start of the stream of a space.
    Begin,
    /// Record.
    Record,
    /// Entry of the membership log.
    Membership,
    /// File.
    File,
    /// End of the stream of a space.
    Commit,
    /// Key of a record.
    RecordKey,
    /// Key of a file.
    FileKey,
    /// Any other.
    Unknown,
}

impl ChunkKind {
    /// Kind of the chunk with this name.
    pub(super) fn of(name: &str) -> Self {
        match name {
            chunk::PULL_BEGIN => Self::Begin,
            chunk::PULL_RECORD => Self::Record,
            chunk::PULL_MEMBERSHIP => Self::Membership,
            chunk::PULL_FILE => Self::File,
            chunk::PULL_COMMIT => Self::Commit,
            chunk::DEKS_RECORD => Self::RecordKey,
            chunk::DEKS_FILES_RECORD => Self::FileKey,
            _ => Self::Unknown,
        }
    }
}

/// Undecoded chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Chunk {
    pub(super) kind: ChunkKind,
    pub(super) data: Bytes,
}

/// End of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum StreamEnd {
    /// Response of the peer, after all chunks.
    Response(Response),
    /// The link has ended.
    Lost,
    /// The consumer is too slow: later chunks were dropped.
    Overflowed,
}

/// Item of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum StreamItem {
    Chunk(Chunk),
    End(StreamEnd),
}

/// Queue of the chunks of one response.
#[derive(Debug)]
pub(super) struct ChunkQueue {
    state: Mutex<State>,
    changed: Notify,
    /// Size from which the queue is full, in bytes: it holds one more chunk, of any size, so that every stream makes progress.
    bound: usize,
}

#[derive(Debug, Default)]
struct State {
    chunks: VecDeque<Chunk>,
    bytes: usize,
    end: Option<StreamEnd>,
}

impl ChunkQueue {
    pub(super) fn new(bound: usize) -> Self {
        Self { state: Mutex::default(), changed: Notify::new(), bound }
    }

    /// Adds a chunk, or drops it and ends the stream if the queue is full.
    pub(super) fn push(&self, chunk: Chunk) {
        {
            let mut state = self.state.lock();
            if state.end.is_some() {
                return;
            }
            if state.bytes >= self.bound {
                state.end = Some(StreamEnd::Overflowed);
            } else {
                state.bytes += chunk.data.len() + OVERHEAD;
                state.chunks.push_back(chunk);
            }
        }
        self.changed.notify_one();
    }

    /// Ends the stream behind the queued chunks; the first end stands.
    pub(super) fn end(&self, end: StreamEnd) {
        self.state.lock().end.get_or_insert(end);
        self.changed.notify_one();
    }

    /// Next item: chunks first, then the end, again and again. Cancel-safe; for one consumer.
    pub(super) async fn next(&self) -> StreamItem {
        loop {
            {
                let mut state = self.state.lock();
                if let Some(chunk) = state.pop() {
                    return StreamItem::Chunk(chunk);
                }
                if let Some(end) = &state.end {
                    return StreamItem::End(end.clone());
                }
            }
            self.changed.notified().await;
        }
    }

    /// Next chunk, if it is queued already and of one of these kinds.
    pub(super) fn try_next(&self, kinds: &[ChunkKind]) -> Option<Chunk> {
        let mut state = self.state.lock();
        let is_wanted = state.chunks.front().is_some_and(|chunk| kinds.contains(&chunk.kind));
        if is_wanted { state.pop() } else { None }
    }
}

impl State {
    fn pop(&mut self) -> Option<Chunk> {
        let chunk = self.chunks.pop_front()?;
        self.bytes -= chunk.data.len() + OVERHEAD;
        Some(chunk)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(size: usize) -> Chunk {
        Chunk { kind: ChunkKind::Record, data: vec![0; size].into() }
    }

    /// Federation FW-3: a queue at its bound takes one more chunk, of any size.
    #[tokio::test]
    async fn full_queue_ends_its_stream_behind_what_it_holds() {
        let queue = ChunkQueue::new(1000);
        queue.push(chunk(10));
        queue.push(chunk(5000));
        queue.push(chunk(10));
        queue.end(StreamEnd::Lost);
        assert_eq!(queue.next().await, StreamItem::Chunk(chunk(10)));
        assert_eq!(queue.next().await, StreamItem::Chunk(chunk(5000)));
        assert_eq!(queue.next().await, StreamItem::End(StreamEnd::Overflowed));
        assert_eq!(queue.next().await, StreamItem::End(StreamEnd::Overflowed));
        queue.push(chunk(10));
        assert_eq!(queue.next().await, StreamItem::End(StreamEnd::Overflowed), "nothing after a gap");
    }

    #[tokio::test]
    async fn queued_chunks_are_taken_by_kind() {
        let queue = ChunkQueue::new(1000);
        queue.push(chunk(1));
        queue.push(Chunk { kind: ChunkKind::Commit, data: Bytes::new() });
        assert_eq!(queue.try_next(&[ChunkKind::Record]), Some(chunk(1)));
        assert_eq!(queue.try_next(&[ChunkKind::Record]), None);
        assert!(matches!(queue.next().await, StreamItem::Chunk(Chunk { kind: ChunkKind::Commit, .. })));
    }
}

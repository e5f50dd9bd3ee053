//! A request that is answered in chunks.

use std::time::Duration;

use bytes::Bytes;
use less_sync_core::cbor::{Decode, Encode, InvalidParams};
use less_sync_core::frame;

use crate::call::Answer;
use crate::connection::Connection;
use crate::error::CallError;
use crate::pending::{Reply, StreamItem, Ticket, Waiter};
use crate::queue::{Consumer, queue};

/// One chunk, not decoded yet.
#[derive(Clone, Debug)]
pub struct Chunk {
    name: Bytes,
    data: Option<Bytes>,
}

impl Chunk {
    /// One of [`wire::chunk`](less_sync_core::wire::chunk), or an unknown name.
    #[must_use]
    pub fn name(&self) -> &str {
        std::str::from_utf8(&self.name).unwrap_or_default()
    }

    /// Reads the data, borrowing from them.
    ///
    /// # Errors
    /// They do not fit `T`.
    pub fn decode<'a, T: Decode<'a>>(&'a self) -> Result<T, InvalidParams> {
        T::decode(self.data.as_deref().ok_or(InvalidParams)?)
    }

    /// The slice of the message that `part`, decoded from this chunk, is.
    pub(crate) fn slice(&self, part: &[u8]) -> Bytes {
        self.data.as_ref().map_or_else(Bytes::new, |data| data.slice_ref(part))
    }
}

/// Chunks as they come, then the answer.
///
/// Whoever does not read it keeps the whole connection from being read once
/// [`Options::chunk_queue`](crate::Options::chunk_queue) is full; dropping it lets the rest pass by. So never wait
/// for another call of the same connection between two chunks of a long stream: its answer may be stuck behind
/// them.
#[derive(Debug)]
pub struct ChunkStream {
    chunks: Consumer<StreamItem>,
    connection: Connection,
    timeout: Duration,
    answer: Option<Result<Answer, CallError>>,
    _ticket: Ticket,
}

impl Connection {
    /// Calls `method`, whose answer comes in chunks.
    ///
    /// # Errors
    /// The connection is over.
    pub async fn stream(&self, method: &str, params: &impl Encode) -> Result<ChunkStream, CallError> {
        let (producer, chunks) = queue(self.options().chunk_queue);
        let ticket = self.pending().register(Waiter::Stream(producer)).map_err(CallError::Ended)?;
        self.send(frame::request(&ticket.id(), method, params)).await.map_err(CallError::Ended)?;
        Ok(ChunkStream {
            chunks,
            connection: self.clone(),
            timeout: self.options().call_timeout,
            answer: None,
            _ticket: ticket,
        })
    }
}

impl ChunkStream {
    /// The next chunk; `None` once the answer is there. Safe to cancel. The timeout begins anew with every chunk.
    pub async fn next(&mut self) -> Option<Chunk> {
        if self.answer.is_some() {
            return None;
        }
        let answer = match tokio::time::timeout(self.timeout, self.chunks.pop()).await {
            Ok(Some(StreamItem::Chunk { name, data })) => return Some(Chunk { name, data }),
            Ok(Some(StreamItem::End(reply))) => answer(reply),
            Ok(None) => Err(CallError::Ended(self.connection.pending().why())),
            Err(_) => Err(CallError::Timeout),
        };
        self.answer = Some(answer);
        None
    }

    /// The answer; chunks that were not read are passed over.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn finish(mut self) -> Result<Answer, CallError> {
        while self.next().await.is_some() {}
        self.answer.unwrap_or(Err(CallError::Undecodable))
    }

    pub(crate) fn answer(&self) -> Option<&Result<Answer, CallError>> {
        self.answer.as_ref()
    }
}

fn answer(reply: Reply) -> Result<Answer, CallError> {
    Ok(Answer::new(reply?))
}

//! Streamed calls: requests with chunks before their response.

use std::time::Duration;

use bytes::Bytes;
use less_sync_core::cbor::{Decode, Encode, InvalidParams};
use less_sync_core::frame;

use crate::call::Response;
use crate::calls::{CallGuard, Pending, RawResponse, StreamItem};
use crate::connection::Connection;
use crate::error::CallError;
use crate::queue::{Consumer, queue};

/// Undecoded chunk.
#[derive(Clone, Debug)]
pub struct Chunk {
    name: Bytes,
    data: Option<Bytes>,
}

impl Chunk {
    /// Name: one of [`wire::chunk`](less_sync_core::wire::chunk), or an unknown one.
    #[must_use]
    pub fn name(&self) -> &str {
        std::str::from_utf8(&self.name).unwrap_or_default()
    }

    /// Decodes the data, borrowing from the chunk.
    ///
    /// # Errors
    /// The data are not a `T`.
    pub fn decode<'a, T: Decode<'a>>(&'a self) -> Result<T, InvalidParams> {
        T::decode(self.data.as_deref().ok_or(InvalidParams)?)
    }

    /// Shared slice of the message for `part`, which must be decoded from this chunk.
    pub(crate) fn slice(&self, part: &[u8]) -> Bytes {
        self.data.as_ref().map_or_else(Bytes::new, |data| data.slice_ref(part))
    }
}

/// Stream of chunks, followed by the response.
///
/// Once [`Options::chunk_queue`](crate::Options::chunk_queue) is full, the whole connection is not read until this stream
/// is: that is the backpressure. So do not await another call of the same connection between two chunks of a long stream;
/// its response may be queued behind them. Dropping the stream discards the rest.
#[derive(Debug)]
pub struct ChunkStream {
    chunks: Consumer<StreamItem>,
    connection: Connection,
    timeout: Duration,
    response: Option<Result<Response, CallError>>,
    _request: CallGuard,
}

impl Connection {
    /// Calls `method`, whose response is streamed in chunks.
    ///
    /// # Errors
    /// The connection has ended.
    pub async fn stream(&self, method: &str, params: &impl Encode) -> Result<ChunkStream, CallError> {
        let (producer, chunks) = queue(self.options().chunk_queue);
        let request = self.calls().register(Pending::Stream(producer)).map_err(CallError::Ended)?;
        self.send(frame::request(&request.id(), method, params)).await.map_err(CallError::Ended)?;
        Ok(ChunkStream {
            chunks,
            connection: self.clone(),
            timeout: self.options().call_timeout,
            response: None,
            _request: request,
        })
    }
}

impl ChunkStream {
    /// Next chunk; `None` after the last one. Cancel-safe. The timeout restarts with every chunk.
    pub async fn next(&mut self) -> Option<Chunk> {
        if self.response.is_some() {
            return None;
        }
        let response = match tokio::time::timeout(self.timeout, self.chunks.pop()).await {
            Ok(Some(StreamItem::Chunk { name, data })) => return Some(Chunk { name, data }),
            Ok(Some(StreamItem::End(response))) => decode(response),
            Ok(None) => Err(CallError::Ended(self.connection.calls().cause())),
            Err(_) => Err(CallError::Timeout),
        };
        self.response = Some(response);
        None
    }

    /// Response to the call; unread chunks are discarded.
    ///
    /// # Errors
    /// See [`CallError`].
    pub async fn finish(mut self) -> Result<Response, CallError> {
        while self.next().await.is_some() {}
        self.response.unwrap_or(Err(CallError::Undecodable))
    }

    /// Response, once all chunks are read.
    pub(crate) fn response(&self) -> Option<&Result<Response, CallError>> {
        self.response.as_ref()
    }
}

fn decode(response: RawResponse) -> Result<Response, CallError> {
    Ok(Response::new(response?))
}

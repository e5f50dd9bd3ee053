//! Pending calls of a link, by request id.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::chunk_queue::{Chunk, ChunkQueue, StreamEnd};
use super::response::Response;

/// State of a request on its way to the writer.
#[derive(Clone, Debug, Default)]
pub(super) struct SendMark(Arc<AtomicBool>);

impl SendMark {
    /// Records that the writer has taken the request over: from now on it may have arrived.
    pub(super) fn set(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Returns true when the request may have arrived.
    pub(super) fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// Consumer of the response to a call.
#[derive(Debug)]
enum Waiter {
    /// Call with one response.
    Response(oneshot::Sender<Response>),
    /// Call whose response is streamed.
    Stream(Arc<ChunkQueue>),
}

/// Table of pending calls. Its size is bounded by the calls in flight of the peer.
#[derive(Debug, Default)]
pub(super) struct PendingCalls {
    /// `None` after the end of the link.
    calls: Mutex<Option<HashMap<String, Waiter>>>,
}

impl PendingCalls {
    pub(super) fn new() -> Self {
        Self { calls: Mutex::new(Some(HashMap::new())) }
    }

    /// Registers a call; `None` after the end of the link. The registration is removed when the guard is dropped.
    pub(super) fn register(self: &Arc<Self>, id: &str) -> Option<PendingCall> {
        let (sender, response) = oneshot::channel();
        let entry = self.enter(id, Waiter::Response(sender))?;
        Some(PendingCall { _entry: entry, response })
    }

    /// Registers a call whose chunks and response go to `queue`, as [`Self::register`].
    pub(super) fn register_stream(self: &Arc<Self>, id: &str, queue: Arc<ChunkQueue>) -> Option<Entry> {
        self.enter(id, Waiter::Stream(queue))
    }

    fn enter(self: &Arc<Self>, id: &str, waiter: Waiter) -> Option<Entry> {
        self.calls.lock().as_mut()?.insert(id.to_owned(), waiter);
        Some(Entry { calls: self.clone(), id: id.to_owned() })
    }

    /// Hands a chunk to its call; chunks without a call are dropped.
    pub(super) fn chunk(&self, id: &str, chunk: Chunk) {
        if let Some(Waiter::Stream(queue)) = self.calls.lock().as_ref().and_then(|calls| calls.get(id)) {
            queue.push(chunk);
        }
    }

    /// Hands a response to its call; responses without a call are dropped.
    pub(super) fn respond(&self, id: &str, response: Response) {
        let waiter = self.calls.lock().as_mut().and_then(|calls| calls.remove(id));
        match waiter {
            Some(Waiter::Response(waiter)) => {
                // Fails for a call that has timed out.
                let _ = waiter.send(response);
            }
            Some(Waiter::Stream(queue)) => queue.end(StreamEnd::Response(response)),
            None => {}
        }
    }

    /// Ends all calls without a response, and rejects later ones.
    pub(super) fn end(&self) {
        let calls = self.calls.lock().take();
        for waiter in calls.into_iter().flat_map(HashMap::into_values) {
            match waiter {
                Waiter::Response(waiter) => drop(waiter),
                Waiter::Stream(queue) => queue.end(StreamEnd::Lost),
            }
        }
    }

    pub(super) fn len(&self) -> usize {
        self.calls.lock().as_ref().map_or(0, HashMap::len)
    }
}

/// Place of a call in the table.
#[derive(Debug)]
pub(super) struct Entry {
    calls: Arc<PendingCalls>,
    id: String,
}

impl Drop for Entry {
    fn drop(&mut self) {
        if let Some(calls) = self.calls.calls.lock().as_mut() {
            calls.remove(&self.id);
        }
    }
}

/// Registered call.
#[derive(Debug)]
pub(super) struct PendingCall {
    _entry: Entry,
    response: oneshot::Receiver<Response>,
}

impl PendingCall {
    /// Waits for the response; `None` when the link has ended before it. Cancel-safe.
    pub(super) async fn response(&mut self) -> Option<Response> {
        (&mut self.response).await.ok()
    }
}

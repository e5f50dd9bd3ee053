//! Pending calls of a connection, by request id, and the cause of its end.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::{oneshot, watch};

use crate::error::{CallError, Code, Ended};
use crate::queue::Producer;

/// Undecoded response; `None` for a result that is not a valid item.
pub(crate) type RawResponse = Result<Option<Bytes>, ErrorResponse>;

/// Error response.
#[derive(Clone, Debug)]
pub(crate) struct ErrorResponse {
    pub(crate) code: Code,
    pub(crate) message: String,
}

impl From<ErrorResponse> for CallError {
    fn from(error: ErrorResponse) -> Self {
        Self::Failed { code: error.code, message: error.message }
    }
}

/// Item of a streamed response.
#[derive(Debug)]
pub(crate) enum StreamItem {
    Chunk { name: Bytes, data: Option<Bytes> },
    End(RawResponse),
}

/// Receiver of the response to a pending call.
#[derive(Debug)]
pub(crate) enum Pending {
    Response(oneshot::Sender<RawResponse>),
    Stream(Producer<StreamItem>),
}

/// Pending calls of a connection, and the cause of its end.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    state: Mutex<State>,
    has_ended: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct State {
    pending: HashMap<u64, Pending>,
    next_id: u64,
    ended: Option<Ended>,
}

impl Calls {
    /// Registers a call under a new request id, until the returned guard is dropped.
    pub(crate) fn register(self: &Arc<Self>, call: Pending) -> Result<CallGuard, Ended> {
        let mut state = self.state.lock();
        if let Some(ended) = &state.ended {
            return Err(ended.clone());
        }
        state.next_id += 1;
        let id = state.next_id;
        state.pending.insert(id, call);
        Ok(CallGuard { id, calls: Arc::clone(self) })
    }

    /// Removes the pending call `id`.
    pub(crate) fn take(&self, id: &str) -> Option<Pending> {
        self.state.lock().pending.remove(&id.parse().ok()?)
    }

    /// Queue of the pending streamed call `id`.
    pub(crate) fn stream(&self, id: &str) -> Option<Producer<StreamItem>> {
        match self.state.lock().pending.get(&id.parse().ok()?) {
            Some(Pending::Stream(stream)) => Some(stream.clone()),
            Some(Pending::Response(_)) | None => None,
        }
    }

    /// Ends the connection: fails all pending calls and rejects further ones. The first cause stands.
    pub(crate) fn end(&self, ended: Ended) {
        let mut state = self.state.lock();
        state.ended.get_or_insert(ended);
        let pending = std::mem::take(&mut state.pending);
        drop(state);
        // Dropping the senders fails their calls. That wakes tasks, so it happens without the lock.
        drop(pending);
        self.has_ended.send_replace(true);
    }

    /// Waits for the end of the connection. Cancel-safe.
    pub(crate) async fn until_ended(&self) -> Ended {
        // Cannot fail: the sender is part of `self`.
        let _ = self.has_ended.subscribe().wait_for(|has_ended| *has_ended).await;
        self.cause()
    }

    /// Cause of the end; `None` while the connection is open.
    pub(crate) fn ended(&self) -> Option<Ended> {
        self.state.lock().ended.clone()
    }

    /// Cause of the end, for a call whose sender was dropped, which happens at the end only.
    pub(crate) fn cause(&self) -> Ended {
        self.ended().unwrap_or(Ended::Lost(None))
    }
}

/// Registration of a pending call, removed on drop.
#[derive(Debug)]
pub(crate) struct CallGuard {
    id: u64,
    calls: Arc<Calls>,
}

impl CallGuard {
    /// Request id on the wire.
    pub(crate) fn id(&self) -> String {
        self.id.to_string()
    }
}

impl Drop for CallGuard {
    fn drop(&mut self) {
        let call = self.calls.state.lock().pending.remove(&self.id);
        drop(call);
    }
}

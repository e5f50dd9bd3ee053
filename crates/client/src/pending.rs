//! Calls that wait for their answers.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::{oneshot, watch};

use crate::error::{CallError, Code, Ended};
use crate::queue::Producer;

/// The raw result of a request; `None` when it can only be undecodable.
pub(crate) type Reply = Result<Option<Bytes>, Failure>;

/// An error response.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) code: Code,
    pub(crate) message: String,
}

impl From<Failure> for CallError {
    fn from(failure: Failure) -> Self {
        Self::Failed { code: failure.code, message: failure.message }
    }
}

/// What a stream hears.
#[derive(Debug)]
pub(crate) enum StreamItem {
    Chunk { name: Bytes, data: Option<Bytes> },
    End(Reply),
}

/// Who waits.
#[derive(Debug)]
pub(crate) enum Waiter {
    Answer(oneshot::Sender<Reply>),
    Stream(Producer<StreamItem>),
}

/// Every call of a connection that has not been answered yet, and how the connection ended.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    state: Mutex<State>,
    has_ended: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct State {
    waiters: HashMap<u64, Waiter>,
    next_id: u64,
    ended: Option<Ended>,
}

impl Pending {
    /// A new request id for `waiter`, forgotten when the ticket is dropped.
    pub(crate) fn register(self: &Arc<Self>, waiter: Waiter) -> Result<Ticket, Ended> {
        let mut state = self.state.lock();
        if let Some(ended) = &state.ended {
            return Err(ended.clone());
        }
        state.next_id += 1;
        let id = state.next_id;
        state.waiters.insert(id, waiter);
        Ok(Ticket { id, pending: Arc::clone(self) })
    }

    /// Takes out whoever waits for the answer to `id`.
    pub(crate) fn take(&self, id: &str) -> Option<Waiter> {
        self.state.lock().waiters.remove(&id.parse().ok()?)
    }

    /// The stream that `id` belongs to.
    pub(crate) fn stream(&self, id: &str) -> Option<Producer<StreamItem>> {
        match self.state.lock().waiters.get(&id.parse().ok()?) {
            Some(Waiter::Stream(stream)) => Some(stream.clone()),
            Some(Waiter::Answer(_)) | None => None,
        }
    }

    /// The connection is over: everybody who waits learns it, and nobody waits any more. The first reason
    /// stands.
    pub(crate) fn end(&self, ended: Ended) {
        let mut state = self.state.lock();
        state.ended.get_or_insert(ended);
        let waiters = std::mem::take(&mut state.waiters);
        drop(state);
        drop(waiters);
        self.has_ended.send_replace(true);
    }

    /// Waits for the end. Safe to cancel.
    pub(crate) async fn until_ended(&self) -> Ended {
        // The sender is part of `self`, so this cannot fail.
        let _ = self.has_ended.subscribe().wait_for(|has_ended| *has_ended).await;
        self.why()
    }

    /// Why the connection is over, if it is.
    pub(crate) fn ended(&self) -> Option<Ended> {
        self.state.lock().ended.clone()
    }

    /// As [`Pending::ended`], for those whose waiter was dropped, which happens at the end only.
    pub(crate) fn why(&self) -> Ended {
        self.ended().unwrap_or(Ended::Lost(None))
    }
}

/// A registered call.
#[derive(Debug)]
pub(crate) struct Ticket {
    id: u64,
    pending: Arc<Pending>,
}

impl Ticket {
    pub(crate) fn id(&self) -> String {
        self.id.to_string()
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let waiter = self.pending.state.lock().waiters.remove(&self.id);
        drop(waiter);
    }
}

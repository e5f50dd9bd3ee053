//! The place of a push in the submission queue of its store.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::outcome::{PushError, Pushed};

/// A place in the submission queue, taken by [`Records::enqueue`](crate::Records::enqueue): pushes to one space take
/// effect in the order of their tickets. Resolves to the outcome of the push.
///
/// Dropping a ticket withdraws the push if its transaction has not begun; after that it may or may not take effect.
#[must_use = "a push whose ticket is dropped is withdrawn"]
pub struct Ticket(Pin<Box<dyn Future<Output = Result<Pushed, PushError>> + Send>>);

impl Ticket {
    /// The ticket of a push that is in the queue already; `outcome` resolves once it is durable.
    pub fn new(outcome: impl Future<Output = Result<Pushed, PushError>> + Send + 'static) -> Self {
        Self(Box::pin(outcome))
    }
}

impl Future for Ticket {
    type Output = Result<Pushed, PushError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket").finish_non_exhaustive()
    }
}

//! Cooperative yield of a task that has more work than one turn should take.

use std::pin::pin;
use std::task::Context;

/// Wakes the task after the other tasks and the I/O driver of its worker have had their turn. The caller returns `Pending`.
pub(crate) fn yield_later(cx: &mut Context<'_>) {
    // A single poll of the future is enough: it defers the wakeup. A plain `wake` would put the task back into the queue of
    // the worker, which looks for I/O only now and then while its queue is not empty.
    let _deferred = pin!(tokio::task::yield_now()).poll(cx);
}

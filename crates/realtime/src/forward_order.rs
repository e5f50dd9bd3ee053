//! Order of the requests of one connection that are forwarded to home servers, per space (federation FW-6).

use std::collections::HashMap;
use std::sync::Arc;

use less_sync_core::SpaceId;
use parking_lot::Mutex;
use tokio::sync::watch;

/// Requests that are not handed to their home servers yet. Bounded by the backlog of the connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct ForwardOrder(Arc<Mutex<HashMap<SpaceId, watch::Receiver<()>>>>);

/// Turn of a request, until it is dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    order: ForwardOrder,
    space: SpaceId,
    before: Option<watch::Receiver<()>>,
    /// Closed when the turn ends.
    end: watch::Sender<()>,
}

impl ForwardOrder {
    /// Turn behind all requests for `space` that have one.
    pub(crate) fn enter(&self, space: SpaceId) -> Turn {
        let (end, ended) = watch::channel(());
        let before = self.0.lock().insert(space, ended);
        Turn { order: self.clone(), space, before, end }
    }

    /// Waits until the requests for `space` that have a turn now are handed over.
    pub(crate) async fn handed_over(&self, space: SpaceId) {
        let last = self.0.lock().get(&space).cloned();
        closed(last).await;
    }
}

impl Turn {
    /// Waits until the requests before it are handed over.
    pub(crate) async fn comes(&mut self) {
        closed(self.before.take()).await;
    }
}

async fn closed(turn: Option<watch::Receiver<()>>) {
    if let Some(mut turn) = turn {
        // The only event is the end of the sender, which sends nothing.
        while turn.changed().await.is_ok() {}
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut order = self.order.0.lock();
        if order.get(&self.space).is_some_and(|last| last.same_channel(&self.end.subscribe())) {
            order.remove(&self.space);
        }
        if order.is_empty() {
            *order = HashMap::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn turns_of_a_space_come_one_after_the_other() {
        let order = ForwardOrder::default();
        let [one, two] = [1, 2].map(|byte| SpaceId::from_bytes([byte; 16]));
        let (mut first, mut second, mut other) = (order.enter(one), order.enter(one), order.enter(two));
        assert!(first.comes().now_or_never().is_some());
        assert!(other.comes().now_or_never().is_some());
        assert!(second.before.clone().is_some_and(|mut before| before.changed().now_or_never().is_none()));
        assert!(order.handed_over(one).now_or_never().is_none());
        drop(first);
        assert!(second.comes().now_or_never().is_some());
        assert!(order.handed_over(one).now_or_never().is_none());
        drop(second);
        assert!(order.handed_over(one).now_or_never().is_some());
        drop(other);
        assert!(order.0.lock().is_empty());
    }
}

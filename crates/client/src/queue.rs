//! Multi-producer queue bounded in items and bytes.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::options::Bound;

/// The other end was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Closed;

/// The queue is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full;

#[derive(Debug)]
struct Shared<T> {
    state: Mutex<State<T>>,
    bound: Bound,
    readable: Notify,
    writable: Notify,
}

#[derive(Debug)]
struct State<T> {
    items: VecDeque<(T, usize)>,
    bytes: usize,
    producers: usize,
    has_consumer: bool,
}

/// Sending end; dropping the last clone closes the queue.
#[derive(Debug)]
pub(crate) struct Producer<T>(Arc<Shared<T>>);

/// Receiving end; dropping it closes the queue.
#[derive(Debug)]
pub(crate) struct Consumer<T>(Arc<Shared<T>>);

/// Creates a queue with this capacity.
pub(crate) fn queue<T>(bound: Bound) -> (Producer<T>, Consumer<T>) {
    let state = State { items: VecDeque::new(), bytes: 0, producers: 1, has_consumer: true };
    let shared = Arc::new(Shared {
        state: Mutex::new(state),
        bound,
        readable: Notify::new(),
        writable: Notify::new(),
    });
    (Producer(Arc::clone(&shared)), Consumer(shared))
}

impl<T> State<T> {
    /// Returns whether an item fits. A single item always fits, or an oversized one could never be sent.
    fn has_room(&self, bound: Bound, size: usize) -> bool {
        self.items.is_empty() || (self.items.len() < bound.items && self.bytes + size <= bound.bytes)
    }

    fn put(&mut self, item: T, size: usize) {
        self.bytes += size;
        self.items.push_back((item, size));
    }
}

impl<T> Producer<T> {
    /// Adds an item, waiting for room. Cancel-safe: a cancelled push has added nothing.
    pub(crate) async fn push(&self, item: T, size: usize) -> Result<(), Closed> {
        let mut item = Some(item);
        loop {
            let mut writable = pin!(self.0.writable.notified());
            // Registered before the check: a pop between check and await must wake this producer.
            writable.as_mut().enable();
            if self.put_if_room(&mut item, size)? {
                return Ok(());
            }
            writable.await;
        }
    }

    fn put_if_room(&self, item: &mut Option<T>, size: usize) -> Result<bool, Closed> {
        let mut state = self.0.state.lock();
        if !state.has_consumer {
            return Err(Closed);
        }
        if !state.has_room(self.0.bound, size) {
            return Ok(false);
        }
        if let Some(item) = item.take() {
            state.put(item, size);
        }
        drop(state);
        self.0.readable.notify_one();
        Ok(true)
    }

    /// Adds an item without waiting. If the queue is full, `when_full` may change the last item or add one beyond the
    /// capacity.
    pub(crate) fn offer(
        &self,
        item: T,
        size: usize,
        when_full: impl FnOnce(Option<&mut T>) -> Option<T>,
    ) -> Result<(), Full> {
        let mut state = self.0.state.lock();
        if !state.has_consumer {
            return Ok(());
        }
        let fits = state.has_room(self.0.bound, size);
        if fits {
            state.put(item, size);
        } else if let Some(mark) = when_full(state.items.back_mut().map(|(item, _)| item)) {
            state.put(mark, 0);
        }
        drop(state);
        self.0.readable.notify_one();
        if fits { Ok(()) } else { Err(Full) }
    }
}

impl<T> Clone for Producer<T> {
    fn clone(&self) -> Self {
        self.0.state.lock().producers += 1;
        Self(Arc::clone(&self.0))
    }
}

impl<T> Drop for Producer<T> {
    fn drop(&mut self) {
        self.0.state.lock().producers -= 1;
        self.0.readable.notify_one();
    }
}

impl<T> Consumer<T> {
    /// Next item; `None` when the queue is empty and every producer was dropped. Cancel-safe.
    pub(crate) async fn pop(&mut self) -> Option<T> {
        loop {
            let filled = self.0.readable.notified();
            match self.take() {
                Taken::Item(item) => return Some(item),
                Taken::End => return None,
                Taken::Nothing => filled.await,
            }
        }
    }

    /// Next item without waiting.
    pub(crate) fn try_pop(&mut self) -> Option<T> {
        match self.take() {
            Taken::Item(item) => Some(item),
            Taken::End | Taken::Nothing => None,
        }
    }

    fn take(&self) -> Taken<T> {
        let mut state = self.0.state.lock();
        let Some((item, size)) = state.items.pop_front() else {
            return if state.producers == 0 { Taken::End } else { Taken::Nothing };
        };
        state.bytes -= size;
        drop(state);
        self.0.writable.notify_waiters();
        Taken::Item(item)
    }
}

enum Taken<T> {
    Item(T),
    Nothing,
    End,
}

impl<T> Drop for Consumer<T> {
    fn drop(&mut self) {
        let mut state = self.0.state.lock();
        state.has_consumer = false;
        let items = std::mem::take(&mut state.items);
        state.bytes = 0;
        drop(state);
        drop(items);
        self.0.writable.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::{Closed, Full, queue};
    use crate::options::Bound;

    const SMALL: Bound = Bound { items: 3, bytes: 10 };

    #[test]
    fn full_queue_delays_producers_until_an_item_is_taken() {
        let (producer, mut consumer) = queue(SMALL);
        for item in [1, 2, 3] {
            assert_eq!(producer.push(item, 1).now_or_never(), Some(Ok(())));
        }
        let mut waiting = Box::pin(producer.push(4, 1));
        assert_eq!(waiting.as_mut().now_or_never(), None);
        assert_eq!(consumer.try_pop(), Some(1));
        assert_eq!(waiting.now_or_never(), Some(Ok(())));
        assert_eq!([consumer.try_pop(), consumer.try_pop(), consumer.try_pop()], [Some(2), Some(3), Some(4)]);
    }

    #[test]
    fn bytes_bound_the_queue_too_but_one_item_always_fits() {
        let (producer, mut consumer) = queue(SMALL);
        assert_eq!(producer.push('a', 1000).now_or_never(), Some(Ok(())));
        assert_eq!(producer.push('b', 1).now_or_never(), None);
        assert_eq!(consumer.try_pop(), Some('a'));
        assert_eq!(producer.push('c', 6).now_or_never(), Some(Ok(())));
        assert_eq!(producer.push('d', 5).now_or_never(), None);
        assert_eq!(producer.push('e', 4).now_or_never(), Some(Ok(())));
    }

    #[test]
    fn offers_to_a_full_queue_leave_one_mark() {
        let (producer, mut consumer) = queue(SMALL);
        let offer = |item: i32| {
            producer.offer(item, 1, |last| match last {
                Some(mark) if *mark < 0 => {
                    *mark -= 1;
                    None
                }
                _ => Some(-1),
            })
        };
        assert_eq!([1, 2, 3].map(offer), [Ok(()); 3]);
        assert_eq!([4, 5].map(offer), [Err(Full); 2]);
        let mut taken = Vec::new();
        taken.extend(consumer.try_pop());
        taken.extend(consumer.try_pop());
        assert_eq!(offer(6), Ok(()));
        while let Some(item) = consumer.try_pop() {
            taken.push(item);
        }
        assert_eq!(taken, [1, 2, 3, -2, 6]);
    }

    #[test]
    fn dropping_one_end_closes_the_queue_for_the_other() {
        let (producer, mut consumer) = queue(SMALL);
        let second = producer.clone();
        assert_eq!(producer.push(1, 1).now_or_never(), Some(Ok(())));
        drop(producer);
        assert_eq!(consumer.pop().now_or_never(), Some(Some(1)));
        assert_eq!(consumer.pop().now_or_never(), None);
        drop(second);
        assert_eq!(consumer.pop().now_or_never(), Some(None));

        let (producer, consumer) = queue(SMALL);
        drop(consumer);
        assert_eq!(producer.push(1, 1).now_or_never(), Some(Err(Closed)));
    }

    #[tokio::test]
    async fn many_producers_lose_nothing() {
        let (producer, mut consumer) = queue(Bound { items: 2, bytes: 8 });
        let producers = (0..10).map(|index| {
            let producer = producer.clone();
            async move {
                for item in 0..100 {
                    producer.push(index * 100 + item, item % 5).await.unwrap();
                }
            }
        });
        let producers = futures_util::future::join_all(producers);
        drop(producer);
        let collect = async {
            let mut taken = Vec::new();
            while let Some(item) = consumer.pop().await {
                taken.push(item);
            }
            taken
        };
        let (mut taken, _) = tokio::join!(collect, producers);
        taken.sort_unstable();
        assert_eq!(taken, (0..1000).collect::<Vec<_>>());
    }
}

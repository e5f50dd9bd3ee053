//! Idempotency memory of one server: responses to mutations by their idempotency keys (federation PM-9).

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use less_sync_core::SpaceId;
use less_sync_core::wire::method::Method;
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::rpc_error::RpcError;

/// Responses that are remembered per server, inclusive; the oldest one makes room for a new one.
const CAPACITY: usize = 4096;

/// Time for which a response is remembered.
const LIFETIME: Duration = Duration::from_mins(10);

/// Idempotency key within its method and space.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct RepeatKey {
    pub(crate) method: Method,
    pub(crate) space: Option<SpaceId>,
    pub(crate) idem: [u8; 16],
}

/// Response without the id of its request: the encoded result, or the error.
pub(crate) type Outcome = Result<Bytes, RpcError>;

/// Outcome of an execution, once there is one.
type Pending = watch::Receiver<Option<Arc<Outcome>>>;

/// Responses to the mutations of one server.
#[derive(Debug, Default)]
pub struct RepeatMemory(Mutex<Entries>);

#[derive(Debug, Default)]
struct Entries {
    by_key: HashMap<RepeatKey, (u64, Pending)>,
    /// Keys with the times of their first executions, the oldest first. A number tells executions of one key apart.
    order: VecDeque<(Instant, RepeatKey, u64)>,
    executions: u64,
}

/// First execution of a mutation. Dropped without an outcome, it is forgotten.
pub(crate) struct FirstRun {
    memory: Arc<RepeatMemory>,
    key: RepeatKey,
    execution: u64,
    outcome: watch::Sender<Option<Arc<Outcome>>>,
}

/// Execution or repeat.
pub(crate) enum Begun {
    /// The mutation is to be executed.
    First(FirstRun),
    /// The mutation was executed, or is being executed.
    Repeat(Repeat),
}

/// Repeat of a mutation.
pub(crate) struct Repeat(Pending);

impl Repeat {
    /// Waits for the outcome of the first execution. `None`: that was cancelled.
    pub(crate) async fn outcome(mut self) -> Option<Arc<Outcome>> {
        let outcome = self.0.wait_for(Option::is_some).await.ok()?;
        outcome.clone()
    }
}

impl RepeatMemory {
    /// Begins the mutation with `key`.
    pub(crate) fn begin(self: &Arc<Self>, key: RepeatKey, now: Instant) -> Begun {
        let mut entries = self.0.lock();
        while let Some((at, oldest, execution)) = entries.order.front().copied()
            && (entries.by_key.len() >= CAPACITY || now.saturating_duration_since(at) >= LIFETIME)
        {
            entries.order.pop_front();
            entries.remove(&oldest, execution);
        }
        if let Some((_, pending)) = entries.by_key.get(&key) {
            return Begun::Repeat(Repeat(pending.clone()));
        }
        let (outcome, pending) = watch::channel(None);
        entries.executions += 1;
        let execution = entries.executions;
        entries.by_key.insert(key, (execution, pending));
        entries.order.push_back((now, key, execution));
        Begun::First(FirstRun { memory: self.clone(), key, execution, outcome })
    }
}

impl Entries {
    fn remove(&mut self, key: &RepeatKey, execution: u64) {
        if self.by_key.get(key).is_some_and(|(known, _)| *known == execution) {
            self.by_key.remove(key);
        }
    }
}

impl FirstRun {
    /// Remembers the outcome, and wakes the repeats that wait for it.
    pub(crate) fn complete(self, outcome: Outcome) {
        self.outcome.send_replace(Some(Arc::new(outcome)));
    }
}

impl Drop for FirstRun {
    fn drop(&mut self) {
        if self.outcome.borrow().is_none() {
            self.memory.0.lock().remove(&self.key, self.execution);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "arbitrary origin")]
    fn origin() -> Instant {
        Instant::now()
    }

    fn key(number: u8) -> RepeatKey {
        RepeatKey { method: Method::Push, space: None, idem: [number; 16] }
    }

    fn first(memory: &Arc<RepeatMemory>, key: RepeatKey, now: Instant) -> Option<FirstRun> {
        match memory.begin(key, now) {
            Begun::First(run) => Some(run),
            Begun::Repeat(_) => None,
        }
    }

    /// Federation PM-9.
    #[tokio::test]
    async fn pm_9_repeat_gets_the_first_outcome() {
        let (memory, now) = (Arc::<RepeatMemory>::default(), origin());
        let run = first(&memory, key(1), now).unwrap();
        let Begun::Repeat(repeat) = memory.begin(key(1), now) else { panic!("a repeat") };
        assert!(first(&memory, RepeatKey { method: Method::EpochBegin, ..key(1) }, now).is_some());
        run.complete(Ok(Bytes::from_static(b"result")));
        assert_eq!(*repeat.outcome().await.unwrap(), Ok(Bytes::from_static(b"result")));
        assert!(first(&memory, key(1), now + LIFETIME / 2).is_none());
        assert!(first(&memory, key(1), now + LIFETIME).is_some());
    }

    #[tokio::test]
    async fn cancelled_execution_is_forgotten() {
        let (memory, now) = (Arc::<RepeatMemory>::default(), origin());
        let run = first(&memory, key(1), now).unwrap();
        let Begun::Repeat(repeat) = memory.begin(key(1), now) else { panic!("a repeat") };
        drop(run);
        assert!(repeat.outcome().await.is_none());
        assert!(first(&memory, key(1), now).is_some());
    }

    #[test]
    fn memory_is_bounded() {
        let (memory, now) = (Arc::<RepeatMemory>::default(), origin());
        let mut runs = Vec::new();
        for number in 0..u16::try_from(CAPACITY).unwrap() + 10 {
            let mut idem = [0; 16];
            idem[..2].copy_from_slice(&number.to_be_bytes());
            runs.extend(first(&memory, RepeatKey { idem, ..key(0) }, now));
        }
        assert_eq!(memory.0.lock().by_key.len(), CAPACITY);
        assert_eq!(memory.0.lock().order.len(), CAPACITY);
    }
}

//! Probe objects, which show whether a store works (storage §4.8).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use uuid::Uuid;

use crate::object_path::ObjectPath;

/// Content of a probe object.
pub(crate) const CONTENT: &[u8] = b"less-sync was here";

/// Names of probe objects, unique per process and call. Clones share the counter.
#[derive(Clone, Debug)]
pub(crate) struct ProbeNames {
    /// Random id of the process: several servers probe one bucket at the same time.
    instance: Uuid,
    next: Arc<AtomicU64>,
}

impl ProbeNames {
    pub(crate) fn new(instance: Uuid) -> Self {
        Self { instance, next: Arc::default() }
    }

    /// A name that was not used before.
    pub(crate) fn next(&self) -> ObjectPath {
        ObjectPath::probe(self.instance, self.next.fetch_add(1, Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_differ_between_processes_and_calls() {
        let (one, two) = (ProbeNames::new(Uuid::from_u128(1)), ProbeNames::new(Uuid::from_u128(2)));
        assert_eq!(one.next().as_str(), ".less-sync-probe/00000000-0000-0000-0000-000000000001-0");
        assert_ne!(one.next(), one.clone().next());
        assert_ne!(ProbeNames::new(Uuid::from_u128(1)).next(), two.next());
    }
}

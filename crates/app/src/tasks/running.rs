//! Running tasks by name, for the log line of a shutdown that exceeds its grace period.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

/// Counters of running tasks by name.
#[derive(Clone, Default)]
pub(super) struct Running(Arc<Mutex<BTreeMap<&'static str, usize>>>);

/// Guard of one running task, dropped at its end.
pub(super) struct Entry {
    running: Running,
    name: &'static str,
}

impl Running {
    pub(super) fn enter(&self, name: &'static str) -> Entry {
        *self.0.lock().entry(name).or_default() += 1;
        Entry { running: self.clone(), name }
    }

    pub(super) fn list(&self) -> Vec<(&'static str, usize)> {
        self.0.lock().iter().map(|(name, count)| (*name, *count)).collect()
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut running = self.running.0.lock();
        if let Some(count) = running.get_mut(self.name) {
            *count -= 1;
            if *count == 0 {
                running.remove(self.name);
            }
        }
    }
}

//! Running tasks by name, for the log line of a shutdown that exceeds its grace period and for the admin listener.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// Running tasks by name, each with its start.
#[derive(Clone, Default)]
pub(super) struct Running(Arc<Mutex<BTreeMap<&'static str, Started>>>);

/// Running tasks of one name.
#[derive(Default)]
struct Started {
    /// Starts in ascending order of the number that the task was given.
    tasks: BTreeMap<u64, Instant>,
    next: u64,
}

/// Guard of one running task, dropped at its end.
pub(super) struct Entry {
    running: Running,
    name: &'static str,
    number: u64,
}

impl Running {
    pub(super) fn enter(&self, name: &'static str, now: Instant) -> Entry {
        let mut running = self.0.lock();
        let started = running.entry(name).or_default();
        let number = started.next;
        started.next += 1;
        started.tasks.insert(number, now);
        Entry { running: self.clone(), name, number }
    }

    pub(super) fn list(&self) -> Vec<(&'static str, usize)> {
        let running = self.0.lock();
        let counts = running.iter().map(|(name, started)| (*name, started.tasks.len()));
        counts.filter(|(_, count)| *count > 0).collect()
    }

    /// Name, number of tasks, and age of the oldest one at `now`.
    pub(super) fn ages(&self, now: Instant) -> Vec<(&'static str, usize, Duration)> {
        let running = self.0.lock();
        let ages = running.iter().filter_map(|(name, started)| {
            let (_, oldest) = started.tasks.first_key_value()?;
            Some((*name, started.tasks.len(), now.saturating_duration_since(*oldest)))
        });
        ages.collect()
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if let Some(started) = self.running.0.lock().get_mut(self.name) {
            started.tasks.remove(&self.number);
        }
    }
}

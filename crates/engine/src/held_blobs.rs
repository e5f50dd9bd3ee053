//! Large blobs that pulls hold in memory while their clients read: a few per user and for the process.
//!
//! A pull beyond that does not wait. It reads the blob in pieces from the start, as one of a stalled client does.

use std::collections::HashMap;
use std::sync::Arc;

use less_sync_storage::Flow;
use parking_lot::Mutex;

/// Maximum blobs of one user.
const PER_USER: usize = 2;

/// Maximum blobs of the process.
const TOTAL: usize = 16;

/// Count of the blobs that are held.
#[derive(Clone, Debug, Default)]
pub(crate) struct HeldBlobs(Arc<Mutex<HashMap<Flow, usize>>>);

/// Permit to hold a large blob, until it is dropped.
#[derive(Debug)]
pub struct HeldBlob {
    held: HeldBlobs,
    flow: Flow,
}

impl HeldBlobs {
    /// A permit for `flow`, if there is one left.
    pub(crate) fn try_hold(&self, flow: Flow) -> Option<HeldBlob> {
        let mut counts = self.0.lock();
        if counts.values().sum::<usize>() >= TOTAL
            || counts.get(&flow).is_some_and(|count| *count >= PER_USER)
        {
            return None;
        }
        *counts.entry(flow).or_default() += 1;
        Some(HeldBlob { held: self.clone(), flow })
    }
}

impl Drop for HeldBlob {
    fn drop(&mut self) {
        let mut counts = self.held.0.lock();
        if let Some(count) = counts.get_mut(&self.flow) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.flow);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_holds_a_few_blobs_and_all_users_some_more() {
        let held = HeldBlobs::default();
        let mut permits: Vec<_> = (0..PER_USER).map(|_| held.try_hold(Flow::new(1)).unwrap()).collect();
        assert!(held.try_hold(Flow::new(1)).is_none());
        permits.pop();
        permits.push(held.try_hold(Flow::new(1)).unwrap());
        while permits.len() < TOTAL {
            permits.push(held.try_hold(Flow::new(permits.len() as u64 + 1)).unwrap());
        }
        assert!(held.try_hold(Flow::new(1000)).is_none());
        permits.clear();
        assert!(held.0.lock().is_empty());
    }
}

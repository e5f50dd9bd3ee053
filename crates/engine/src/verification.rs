//! Fair and cooperative verification of UCAN chains whose signatures are not cached (auth S-07).
//!
//! Signatures are the most that a request may cost. A chain is therefore verified in slices of a few signatures, between
//! which the task yields; each user verifies one chain at a time, and all users together use a part of the cores, first
//! come, first served. A user that sends nothing but bad chains delays the chains of others by one chain, and nothing else.

use std::hash::RandomState;

use less_sync_auth::P256Key;
use tokio::sync::Semaphore;

use crate::Presenter;
use crate::keyed_semaphores::KeyedSemaphores;
use crate::signature_cache::SignatureCache;

/// Signatures computed before the task yields: about half a millisecond.
const SIGNATURES_PER_SLICE: usize = 2;

/// Turns of the users.
pub(crate) struct Turns {
    /// Chains that are verified at the same time.
    all: Semaphore,
    hasher: RandomState,
    /// Turns of the users that are verifying or waiting, one each.
    users: KeyedSemaphores,
}

impl Default for Turns {
    /// Turns on half of the cores.
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self::new((cores / 2).max(1))
    }
}

impl Turns {
    fn new(at_once: usize) -> Self {
        Self { all: Semaphore::new(at_once), hasher: RandomState::new(), users: KeyedSemaphores::new(1) }
    }

    /// Runs `slice` to its result in the turn of `presenter`. A slice that returns `None` is run again, after other tasks.
    pub(crate) async fn run<T>(
        &self,
        presenter: impl Into<Presenter<'_>>,
        mut slice: impl FnMut(&mut Signatures) -> Option<T>,
    ) -> T {
        let user = self.users.get(presenter.into().hash_by(&self.hasher));
        // No semaphore is ever closed; without a permit the verification would merely not wait.
        let _user = user.acquire().await;
        let _turn = self.all.acquire().await;
        let mut signatures = Signatures::default();
        loop {
            let result = slice(&mut signatures);
            if signatures.next_slice() > 0 {
                // Also after the last slice: a request may carry a thousand chains.
                tokio::task::yield_now().await;
            }
            if let Some(result) = result {
                return result;
            }
        }
    }
}

/// Signatures of one chain across its slices. The chain is walked anew in each slice, in the same order, so that a count says
/// which signatures are known to be valid.
#[derive(Debug, Default)]
pub(crate) struct Signatures {
    valid: usize,
    seen: usize,
    computed: usize,
    computed_in_all: usize,
    is_suspended: bool,
}

impl Signatures {
    /// The result of the next signature; false without a meaning once the slice is suspended.
    pub(crate) fn verifies(
        &mut self,
        cache: &SignatureCache,
        key: &P256Key,
        signed: &[u8],
        signature: &[u8],
    ) -> bool {
        self.seen += 1;
        if self.seen <= self.valid {
            return true;
        }
        let computed = &mut self.computed;
        let may_compute = || {
            let may = *computed < SIGNATURES_PER_SLICE;
            *computed += usize::from(may);
            may
        };
        let Some(is_valid) = cache.verifies_within(key, signed, signature, may_compute) else {
            self.is_suspended = true;
            return false;
        };
        self.valid += usize::from(is_valid);
        is_valid
    }

    /// The result of a walk, unless it was suspended.
    pub(crate) fn finished<T>(&self, result: T) -> Option<T> {
        (!self.is_suspended).then_some(result)
    }

    /// True if any signature was computed so far.
    pub(crate) fn has_computed(&self) -> bool {
        self.computed_in_all + self.computed > 0
    }

    /// Begins the next slice; returns the number of signatures computed in the last one.
    pub(crate) fn next_slice(&mut self) -> usize {
        let computed = std::mem::take(&mut self.computed);
        self.computed_in_all += computed;
        (self.seen, self.is_suspended) = (0, false);
        computed
    }
}

#[cfg(test)]
mod tests;

//! Runner of random histories: each step goes to the store and to its model, and the first difference fails the test.

use std::fmt::Debug;

use less_sync_storage::PushLimits;
use proptest::strategy::Strategy;
use proptest::test_runner::{Config, TestRunner};

use crate::Backend;

/// Push limits small enough to be exceeded now and then.
pub(super) const LIMITS: PushLimits = PushLimits { records: 6, blob: 64, bytes: 200 };

/// A store under test and the model that it must agree with.
pub(super) trait Replay: Sized {
    type Step: Debug + Clone;

    /// Store under test.
    type Backend: Backend;

    /// A new store and an empty model.
    async fn begin() -> Self;

    /// Takes one step on both sides and compares the results.
    async fn step(&mut self, step: Self::Step);

    /// Compares the final state and checks the invariants of the store.
    async fn end(self);
}

/// Replays random histories; on a failure the shortest failing one is reported. `PROPTEST_CASES` sets their number, 256 by
/// default, of which the backend runs its part.
pub(super) fn replay_all<R: Replay>(histories: &impl Strategy<Value = Vec<R::Step>>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let default = Config::default();
    let cases = default.cases.div_ceil(R::Backend::HISTORIES_DIVISOR);
    let mut runner = TestRunner::new(Config { failure_persistence: None, cases, ..default });
    let verdict = runner.run(histories, |steps| {
        runtime.block_on(async {
            let mut replay = R::begin().await;
            for step in steps {
                replay.step(step).await;
            }
            replay.end().await;
        });
        Ok(())
    });
    if let Err(failure) = verdict {
        panic!("{failure}");
    }
}

/// Compares results by their debug output: errors have no equality of their own.
pub(super) fn agree<T: Debug, E: Debug>(store: &Result<T, E>, model: &Result<T, E>) {
    assert_eq!(format!("{store:?}"), format!("{model:?}"), "the store (left) differs from the model (right)");
}

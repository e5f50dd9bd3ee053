//! Fragment of the id of a new signing key.

use less_sync_engine::Clock;

/// Fragment of a key made now: `fed-{seconds}-{nanoseconds}` (operations §10.2).
pub(crate) fn default_fragment(clock: &dyn Clock) -> String {
    let millis = clock.now().millis();
    format!("fed-{}-{}", millis.div_euclid(1000), millis.rem_euclid(1000) * 1_000_000)
}

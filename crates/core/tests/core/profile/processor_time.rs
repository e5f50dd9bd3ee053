//! Work of a test in processor time, which other programs on the machine do not lengthen.

use std::time::Duration;

/// Time for which this thread has run on a processor. Zero on systems that do not report it.
pub(super) fn processor_time() -> Duration {
    let statistics = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let running = statistics.split(' ').next().and_then(|nanoseconds| nanoseconds.parse().ok());
    Duration::from_nanos(running.unwrap_or_default())
}

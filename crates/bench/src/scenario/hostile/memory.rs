//! Peak of the server's resident memory.

use std::time::Duration;

use crate::period::Period;
use crate::process::Process;

/// Interval between two samples.
const CADENCE: Duration = Duration::from_millis(20);

/// Peak until the end of `period`, in bytes.
pub(crate) async fn peak(process: Process, period: Period) -> anyhow::Result<u64> {
    let mut peak = process.resident()?;
    while !period.is_over() {
        tokio::time::sleep(CADENCE).await;
        peak = peak.max(process.resident()?);
    }
    Ok(peak)
}

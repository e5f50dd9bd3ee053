//! Closed-loop writer: pushes to a watched space as long as the window has room.

use anyhow::{Context as _, ensure};

use crate::connection::LoadConnection;
use crate::period::Period;
use crate::pushes::{PushGenerator, PushResponses};
use crate::tracker::DeliveryTracker;

/// Pushes until the end of `period`, then waits until every watcher has everything. At most `share` pushes of this
/// writer are without a response at once.
pub(crate) async fn write(
    mut connection: LoadConnection,
    mut pushes: PushGenerator,
    tracker: &DeliveryTracker,
    share: u16,
    period: Period,
) -> anyhow::Result<()> {
    let mut out = Vec::new();
    let mut responses = PushResponses::default();
    let mut pending = 0;
    while !period.is_over() {
        out.clear();
        while pending < share && tracker.try_send() {
            pushes.append(&mut out);
            pending += 1;
        }
        connection.send_framed(&out).await.context("writer connection closed")?;
        tokio::select! {
            () = tracker.until_window_opens(), if pending < share => {}
            read = connection.read(&mut responses) => read.context("writer connection closed")?,
            () = period.end() => {}
        }
        responses.check()?;
        pending = pending.saturating_sub(u16::try_from(responses.cursors.len()).unwrap_or(u16::MAX));
        responses.cursors.clear();
        ensure!(tracker.closed() == 0, "the server closed the connection of a watcher");
    }
    // The connection stays open until everything is delivered, because responses are still to come on it.
    ensure!(tracker.settle().await, "deliveries are missing: {} pushes outstanding", tracker.outstanding());
    Ok(())
}

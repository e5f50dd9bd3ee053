//! Pace of a request body: idle timeout and minimum rate (http §7.6).

use std::time::Duration;

use futures_util::{Stream, StreamExt as _};
use less_sync_engine::Clock;
use less_sync_engine::files::TransferRate;

/// Bytes of a request body, or the error that ended it.
pub(super) type Chunk = Result<bytes::Bytes, axum::Error>;

/// Waits for the next bytes of a body, or its end. `None` if the client is too slow.
pub(super) async fn next(
    clock: &dyn Clock,
    chunks: &mut (impl Stream<Item = Chunk> + Unpin),
    idle: Duration,
    rate: &mut TransferRate,
) -> Option<Option<Chunk>> {
    let idle_until = clock.instant() + idle;
    loop {
        let began = clock.instant();
        let deadline = clock.sleep_until(idle_until.min(began + rate.left()));
        let next = tokio::select! {
            biased;
            next = chunks.next() => Some(next),
            () = deadline => None,
        };
        if let Some(Some(Ok(chunk))) = &next {
            rate.moved(chunk.len() as u64);
        }
        let now = clock.instant();
        let is_fast = rate.waited(now.saturating_duration_since(began));
        match next {
            Some(Some(Ok(_))) | None if !is_fast => return None,
            Some(next) => return Some(next),
            None if now >= idle_until => return None,
            None => {}
        }
    }
}

//! Body of a request that is expected to be rejected by its head.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, stream};

/// Interval between two bytes.
const INTERVAL: Duration = Duration::from_millis(100);

/// Endless body of a byte at a time. Not one that stops: proxies written in Go, such as Caddy, forward an early response
/// when the next piece of the body arrives, and not before.
pub(crate) fn body() -> impl Stream<Item = Result<Bytes, Infallible>> + Send + 'static {
    stream::unfold((), async |()| {
        tokio::time::sleep(INTERVAL).await;
        Some((Ok(Bytes::from_static(&[0])), ()))
    })
}

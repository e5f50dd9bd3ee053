//! Drains or discards unread request bodies after an early response (http §1.2, §7.3).
//!
//! A small body is read to its end, so that the connection can be reused. A larger one closes the connection, but only after
//! a linger time: closing a socket with unread data resets it, and a client that is still sending would lose the response
//! (RFC 9112 §9.6).

use std::time::Duration;

use axum::body::{Body, BodyDataStream, HttpBody as _};
use axum::response::Response;
use futures_util::StreamExt as _;
use http::{HeaderMap, HeaderValue, header};

use crate::state::ApiState;

/// Maximum announced body that is drained to keep the connection, in bytes, inclusive.
const MAX_DRAINED: u64 = 1024 * 1024;
/// Timeout of the drain of a small body.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);
/// Time for which a larger body is read and discarded after the response.
const LINGER: Duration = Duration::from_secs(2);

/// Reads and discards `body` in the background while `response` is sent. Adds `Connection: close` unless the request head
/// announces a small body.
pub(crate) fn discard(state: &ApiState, head: &HeaderMap, body: Body, response: &mut Response) {
    if body.is_end_stream() {
        return;
    }
    let is_small = announced_length(head).is_some_and(|bytes| bytes <= MAX_DRAINED);
    if !is_small {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    drain(state, body.into_data_stream(), if is_small { DRAIN_TIMEOUT } else { LINGER });
}

/// Reads and discards the rest of a body for the linger time, while the response closes the connection.
pub(crate) fn linger(state: &ApiState, rest: BodyDataStream) {
    drain(state, rest, LINGER);
}

fn drain(state: &ApiState, body: BodyDataStream, timeout: Duration) {
    let clock = state.0.clock.clone();
    let job = async move {
        let deadline = clock.sleep_until(clock.instant() + timeout);
        tokio::select! {
            biased;
            () = deadline => {}
            () = body.for_each(|_discarded| std::future::ready(())) => {}
        }
    };
    state.0.spawner.spawn("request body drain", Box::pin(job));
}

fn announced_length(head: &HeaderMap) -> Option<u64> {
    head.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

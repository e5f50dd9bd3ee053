//! Bodies that nobody wants, of requests that were rejected or need none (http §1.2, §7.3).
//!
//! A small one is read to its end, so that the connection can go on. A larger one ends the connection, but not at once: a
//! client that is still sending would lose the answer with it (RFC 9112 §9.6).

use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use axum::response::Response;
use futures_util::StreamExt as _;
use http::{HeaderMap, HeaderValue, header};

use crate::state::ApiState;

/// The largest body that is read for the sake of the connection, in bytes.
const SMALL: u64 = 1024 * 1024;
/// And for how long.
const PATIENCE: Duration = Duration::from_secs(10);
/// For how long a client that goes on sending is listened to after its answer.
const LINGER: Duration = Duration::from_secs(2);

/// Has `body` read and thrown away behind the back of `response`, which ends the connection unless the head announces a
/// small one.
pub(crate) fn dispose(state: &ApiState, head: &HeaderMap, body: Body, response: &mut Response) {
    if body.is_end_stream() {
        return;
    }
    let is_small = announced(head).is_some_and(|bytes| bytes <= SMALL);
    if !is_small {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    let (clock, patience) = (state.0.clock.clone(), if is_small { PATIENCE } else { LINGER });
    let job = async move {
        let too_long = clock.sleep_until(clock.instant() + patience);
        tokio::select! {
            biased;
            () = too_long => {}
            () = body.into_data_stream().for_each(|_thrown_away| std::future::ready(())) => {}
        }
    };
    state.0.spawner.spawn("unwanted body", Box::pin(job));
}

fn announced(head: &HeaderMap) -> Option<u64> {
    head.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

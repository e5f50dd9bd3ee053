//! Bodies that nobody wants: read to the end when they are small, so that the connection can go on (http §7.3).

use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use futures_util::StreamExt as _;
use http::{HeaderValue, header};

use crate::state::ApiState;

/// What is read of a body that nobody wants, in bytes. After that the connection is closed.
const DRAINED: u64 = 1024 * 1024;
/// And for how long.
const PATIENCE: Duration = Duration::from_secs(10);

/// Has the rest of `body` read and thrown away behind the back of `response`, or the connection closed after it when that
/// would be too much.
pub(super) fn dispose(state: &ApiState, body: Body, announced: Option<u64>, response: &mut Response) {
    if announced.is_none_or(|bytes| bytes > DRAINED) {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        return;
    }
    let clock = state.0.clock.clone();
    let job = async move {
        let too_long = clock.sleep_until(clock.instant() + PATIENCE);
        tokio::select! {
            biased;
            () = read_out(body) => {}
            () = too_long => {}
        }
    };
    state.0.spawner.spawn("unwanted body", Box::pin(job));
}

async fn read_out(body: Body) {
    let (mut pieces, mut read) = (body.into_data_stream(), 0);
    while let Some(Ok(piece)) = pieces.next().await {
        read += piece.len() as u64;
        if read > DRAINED {
            return;
        }
    }
}

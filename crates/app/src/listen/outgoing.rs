//! The body of an answer, as far as the timeouts of its connection depend on it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Body;
use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use less_sync_engine::Clock;

use super::activity::Activity;

/// `body`, which tells `activity` when it has been handed over.
pub(super) fn watched(body: Body, activity: &Arc<Activity>, clock: &Arc<dyn Clock>) -> Body {
    if body.is_end_stream() {
        activity.answered(clock.instant());
        return body;
    }
    activity.sending(clock.instant());
    Body::new(Outgoing { body, activity: activity.clone(), clock: clock.clone() })
}

/// A body that is made while it is sent.
struct Outgoing {
    body: Body,
    activity: Arc<Activity>,
    clock: Arc<dyn Clock>,
}

impl http_body::Body for Outgoing {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Outgoing {
    /// Sent to its end, or given up: the connection drops it in both cases.
    fn drop(&mut self) {
        self.activity.answered(self.clock.instant());
    }
}

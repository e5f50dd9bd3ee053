//! Response bodies that report their end to the activity of the connection.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Body;
use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use less_sync_engine::Clock;

use super::activity::Activity;

/// Wraps `body` so that its end is reported to `activity`.
pub(super) fn tracked(body: Body, activity: &Arc<Activity>, clock: &Arc<dyn Clock>) -> Body {
    if body.is_end_stream() {
        activity.responded(clock.instant());
        return body;
    }
    activity.sending(clock.instant());
    Body::new(TrackedBody { body, activity: activity.clone(), clock: clock.clone() })
}

/// A streamed response body.
struct TrackedBody {
    body: Body,
    activity: Arc<Activity>,
    clock: Arc<dyn Clock>,
}

impl http_body::Body for TrackedBody {
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

impl Drop for TrackedBody {
    /// Marks the response as finished: hyper drops a body when it was sent completely and when the client is gone.
    fn drop(&mut self) {
        self.activity.responded(self.clock.instant());
    }
}

//! Serves one HTTP/1.1 connection until it closes or is upgraded.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use axum::body::Body;
use axum::extract::ConnectInfo;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode, Version, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use less_sync_engine::Job;
use tower::Service as _;

use super::activity::{Activity, TimeoutKind};
use super::client_address::client_address;
use super::context::ListenerContext;
use super::host::has_valid_host;
use super::rejection::to_bytes;
use super::response_body;
use super::socket::Socket;
use super::waiting::WaitingPlace;

/// Maximum size of request line and headers. The HTTP layers reject from 128 KiB on, with a JSON error; this limit bounds
/// the memory before they run.
const MAX_HEAD_BYTES: usize = 160 * 1024;
/// Maximum number of headers. The HTTP layers reject from 100 on.
const MAX_HEADERS: usize = 160;

/// Announces how long an idle connection is kept, so that clients do not reuse one that is being closed.
const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");

/// An accepted connection.
pub(super) struct Connection {
    context: Arc<ListenerContext>,
    socket: Socket,
    peer: SocketAddr,
    place: WaitingPlace,
}

impl Connection {
    pub(super) fn new(
        context: Arc<ListenerContext>,
        socket: Socket,
        peer: SocketAddr,
        place: WaitingPlace,
    ) -> Self {
        Self { context, socket, peer, place }
    }

    /// Serves requests until the connection ends. After an upgrade the socket belongs to the task of the upgrade handler.
    pub(super) async fn run(self) {
        let Self { context, socket, peer, place } = self;
        let _open = context.open.token();
        let activity = socket.activity().clone();
        let service = service_fn(|request| respond(&context, &activity, &place, peer, request));
        let mut connection = builder().serve_connection(TokioIo::new(socket), service).with_upgrades();
        let mut closing = pin!(context.closing.cancelled());
        let mut shutdown_begun = false;
        let mut timer = Timer::default();
        let timed_out = poll_fn(|cx| {
            if let Poll::Ready(outcome) = Pin::new(&mut connection).poll(cx) {
                log_outcome(outcome);
                return Poll::Ready(None);
            }
            if !shutdown_begun && closing.as_mut().poll(cx).is_ready() {
                shutdown_begun = true;
                Pin::new(&mut connection).graceful_shutdown();
                // An idle connection ends with its next poll, which nothing else would cause.
                cx.waker().wake_by_ref();
            }
            // Last, since polling the connection may have moved the deadline.
            timer.poll(&context, &activity, cx).map(Some)
        });
        let timed_out = timed_out.await;
        if let Some(parts) = connection.into_parts() {
            write_final_response(&context, &mut parts.io.into_inner(), timed_out);
        }
    }
}

/// Sends the error response to a client whose request headers were malformed or late.
fn write_final_response(context: &ListenerContext, socket: &mut Socket, timed_out: Option<TimeoutKind>) {
    let status = match timed_out {
        Some(TimeoutKind::Headers) => Some(StatusCode::REQUEST_TIMEOUT),
        Some(
            TimeoutKind::FirstByte
            | TimeoutKind::KeepAlive
            | TimeoutKind::ResponseBody
            | TimeoutKind::SendRate,
        ) => None,
        None => socket.suppressed_status(),
    };
    tracing::debug!(timeout = ?timed_out, status = status.map(|status| status.as_u16()), "http connection closed");
    if let Some(status) = status {
        socket.try_write(&to_bytes(&(context.rejection)(status)));
    }
}

fn builder() -> http1::Builder {
    let mut builder = http1::Builder::new();
    // Header timeouts are enforced by `Timer`: hyper's would also count the idle time between two requests.
    builder.header_read_timeout(None).max_headers(MAX_HEADERS).max_buf_size(MAX_HEAD_BYTES);
    builder
}

async fn respond(
    context: &ListenerContext,
    activity: &Arc<Activity>,
    place: &WaitingPlace,
    peer: SocketAddr,
    mut request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    activity.request(context.clock.instant());
    place.free();
    if !has_valid_host(request.version(), request.headers()) {
        return Ok(bad_request(context));
    }
    let client = client_address(peer, request.headers(), &context.trusted_proxies);
    request.extensions_mut().insert(ConnectInfo(client));
    let is_last = closes(&request);
    let Ok(mut response) = context.router.clone().call(request).await;
    if !is_last && is_kept(context, &response) {
        let (name, value) = if place.take() {
            (KEEP_ALIVE, context.keep_alive.clone())
        } else {
            (header::CONNECTION, HeaderValue::from_static("close"))
        };
        response.headers_mut().insert(name, value);
    }
    Ok(response.map(|body| response_body::tracked(body, activity, &context.clock)))
}

/// Response to a request that no route may see. Its body is not read, so the connection ends.
fn bad_request(context: &ListenerContext) -> Response<Body> {
    let mut response = (context.rejection)(StatusCode::BAD_REQUEST).map(Body::from);
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

/// True if the client closes the connection after this request.
fn closes(request: &Request<Incoming>) -> bool {
    let lines = request.headers().get_all(header::CONNECTION).iter().filter_map(|line| line.to_str().ok());
    let mut options = lines.flat_map(|line| line.split(','));
    request.version() < Version::HTTP_11 || options.any(|option| option.trim().eq_ignore_ascii_case("close"))
}

/// True if the server keeps the connection for another request after `response`.
fn is_kept(context: &ListenerContext, response: &Response<Body>) -> bool {
    response.status() != StatusCode::SWITCHING_PROTOCOLS
        && !response.headers().contains_key(header::CONNECTION)
        && !context.closing.is_cancelled()
}

/// Logs an early end at debug level: clients that disconnect during a request are normal.
fn log_outcome(outcome: hyper::Result<()>) {
    if let Err(error) = outcome {
        tracing::debug!(%error, "http connection ended early");
    }
}

/// Timer for the current deadline of a connection.
#[derive(Default)]
struct Timer(Option<(Instant, Job)>);

impl Timer {
    /// Ready when the deadline has passed.
    fn poll(
        &mut self,
        context: &ListenerContext,
        activity: &Activity,
        cx: &mut Context<'_>,
    ) -> Poll<TimeoutKind> {
        loop {
            let Some((deadline, kind)) = activity.deadline() else {
                self.0 = None;
                return Poll::Pending;
            };
            if self.0.as_ref().is_none_or(|(at, _)| *at != deadline) {
                self.0 = Some((deadline, context.clock.sleep_until(deadline)));
            }
            let Some((_, sleep)) = &mut self.0 else { return Poll::Pending };
            ready!(sleep.as_mut().poll(cx));
            // The end of a window in which the client was fast enough moves the deadline.
            if kind != TimeoutKind::SendRate || activity.is_too_slow(context.clock.instant()) {
                return Poll::Ready(kind);
            }
        }
    }
}

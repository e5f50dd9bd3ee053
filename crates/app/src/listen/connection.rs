//! One HTTP/1.1 connection, until it closes or becomes something else.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use axum::body::Body;
use axum::extract::ConnectInfo;
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use less_sync_engine::Job;
use tower::Service as _;

use super::activity::{Activity, Overdue};
use super::peer::client_address;
use super::rejection::to_bytes;
use super::socket::Socket;
use super::{Serving, outgoing};

/// Request line and headers. The layers reject at 128 KiB with an answer in the common shape; this bounds the memory.
const MAX_HEAD_BYTES: usize = 160 * 1024;
/// As above: the layers reject at 100.
const MAX_HEADERS: usize = 160;

/// A connection and what it needs to be served.
pub(super) struct Connection {
    serving: Arc<Serving>,
    socket: Socket,
    peer: SocketAddr,
}

impl Connection {
    pub(super) fn new(serving: Arc<Serving>, socket: Socket, peer: SocketAddr) -> Self {
        Self { serving, socket, peer }
    }

    /// Serves it. An upgraded connection lives on in the task of whoever upgraded it.
    pub(super) async fn run(self) {
        let Self { serving, socket, peer } = self;
        let _open = serving.open.token();
        let activity = socket.activity().clone();
        let service = service_fn(|request| answer(&serving, &activity, peer, request));
        let mut connection = builder().serve_connection(TokioIo::new(socket), service).with_upgrades();
        let mut closing = pin!(serving.closing.cancelled());
        let mut told = false;
        let mut timer = Timer::default();
        let overdue = poll_fn(|cx| {
            if let Poll::Ready(outcome) = Pin::new(&mut connection).poll(cx) {
                note(outcome);
                return Poll::Ready(None);
            }
            if !told && closing.as_mut().poll(cx).is_ready() {
                told = true;
                Pin::new(&mut connection).graceful_shutdown();
                cx.waker().wake_by_ref();
            }
            timer.poll(&serving, &activity, cx).map(Some)
        });
        let overdue = overdue.await;
        if let Some(parts) = connection.into_parts() {
            last_word(&serving, parts.io.inner(), overdue);
        }
    }
}

/// Tells a peer that sent no request why the connection ends.
fn last_word(serving: &Serving, socket: &Socket, overdue: Option<Overdue>) {
    let status = match overdue {
        Some(Overdue::Headers) => Some(StatusCode::REQUEST_TIMEOUT),
        Some(Overdue::Silent | Overdue::KeepAlive | Overdue::Stalled) => None,
        None => socket.held_back(),
    };
    tracing::debug!(?overdue, status = status.map(|status| status.as_u16()), "http connection ends");
    if let Some(status) = status {
        socket.try_write(&to_bytes(&less_sync_api::rejection(status, &serving.api)));
    }
}

fn builder() -> http1::Builder {
    let mut builder = http1::Builder::new();
    // Timeouts are ours: hyper's would also count the rest between two requests.
    builder.header_read_timeout(None).max_headers(MAX_HEADERS).max_buf_size(MAX_HEAD_BYTES);
    builder
}

async fn answer(
    serving: &Serving,
    activity: &Arc<Activity>,
    peer: SocketAddr,
    mut request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    activity.request(serving.clock.instant());
    let client = client_address(peer, request.headers(), &serving.trusted_proxies);
    request.extensions_mut().insert(ConnectInfo(client));
    let Ok(answer) = serving.router.clone().call(request).await;
    Ok(answer.map(|body| outgoing::watched(body, activity, &serving.clock)))
}

/// Clients that go away in the middle of something are nothing to worry about.
fn note(outcome: hyper::Result<()>) {
    if let Err(error) = outcome {
        tracing::debug!(%error, "http connection ended early");
    }
}

/// The timer of the deadline that holds now.
#[derive(Default)]
struct Timer(Option<(Instant, Job)>);

impl Timer {
    /// Ready when the connection is overdue. To be asked after everything that may have moved the deadline.
    fn poll(&mut self, serving: &Serving, activity: &Activity, cx: &mut Context<'_>) -> Poll<Overdue> {
        let Some((deadline, overdue)) = activity.deadline() else {
            self.0 = None;
            return Poll::Pending;
        };
        if self.0.as_ref().is_none_or(|(at, _)| *at != deadline) {
            self.0 = Some((deadline, serving.clock.sleep_until(deadline)));
        }
        match &mut self.0 {
            Some((_, sleep)) => sleep.as_mut().poll(cx).map(|()| overdue),
            None => Poll::Pending,
        }
    }
}

//! The store behind its plan.

use std::io;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt};
use http::{Request, Response, StatusCode};
use http_body_util::{Full, StreamBody};
use hyper::body::{Body, Frame, Incoming};
use parking_lot::Mutex;
use s3s::service::S3Service;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::faults::{Fault, FaultPlan};

type Failure = Box<dyn std::error::Error + Send + Sync>;
type StoreResponse = Response<StreamBody<BoxStream<'static, Result<Frame<Bytes>, Failure>>>>;

/// Name of the only bucket.
pub(super) const BUCKET: &str = "blobs";

/// Response of S3 to a request for an unknown bucket.
const NO_BUCKET: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>NoSuchBucket</Code></Error>";

/// A service for one connection after the other.
#[derive(Clone)]
pub(super) struct Service {
    store: S3Service,
    plan: Arc<FaultPlan>,
    /// Requests that outlive their connection. They end with the server.
    received: Arc<Mutex<JoinSet<()>>>,
}

impl Service {
    pub(super) fn new(store: S3Service, plan: Arc<FaultPlan>) -> Self {
        Self { store, plan, received: Arc::default() }
    }

    async fn respond(self, request: Request<Incoming>) -> Result<StoreResponse, Failure> {
        let is_part = request.uri().query().is_some_and(|query| query.contains("partNumber="));
        let _part = is_part.then(|| self.plan.part());
        match self.plan.arrival() {
            None => serve(&self.store, request, usize::MAX).await,
            Some(Fault::Hold) => {
                self.plan.hold().await;
                serve(&self.store, request, usize::MAX).await
            }
            Some(Fault::HoldReceived) => {
                let (parts, body) = request.into_parts();
                let body = http_body_util::BodyExt::collect(body).await?.to_bytes();
                self.serve_later(Request::from_parts(parts, Full::new(body))).await
            }
            Some(Fault::Status(code)) => Ok(error_response(code, "")),
            Some(Fault::HangUp) => Err(io::Error::from(io::ErrorKind::ConnectionReset).into()),
            Some(Fault::CutAfter(bytes)) => serve(&self.store, request, bytes).await,
        }
    }

    /// Passes the request on when faults are cleared, whether or not the client still waits.
    async fn serve_later(&self, request: Request<Full<Bytes>>) -> Result<StoreResponse, Failure> {
        let (store, plan) = (self.store.clone(), Arc::clone(&self.plan));
        let (sender, response) = oneshot::channel();
        self.received.lock().spawn(async move {
            plan.hold().await;
            let _hung_up = sender.send(serve(&store, request, usize::MAX).await);
        });
        response.await?
    }
}

/// Passes the request on, and at most so many bytes of the answer back.
async fn serve<B>(store: &S3Service, request: Request<B>, bytes: usize) -> Result<StoreResponse, Failure>
where
    B: Body<Data = Bytes, Error: std::error::Error + Send + Sync + 'static> + Send + 'static,
{
    // The store below would make the bucket; a real one does not.
    if request.uri().path().split('/').nth(1) != Some(BUCKET) {
        return Ok(error_response(404, NO_BUCKET));
    }
    let request = request.map(s3s::Body::http_body_unsync);
    let response = store.call(request).await.map_err(|error| format!("{error:?}"))?;
    Ok(response.map(|body| frames(cut(body.map_err(Failure::from).boxed(), bytes))))
}
impl hyper::service::Service<Request<Incoming>> for Service {
    type Response = StoreResponse;
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<StoreResponse, Failure>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        Box::pin(self.clone().respond(request))
    }
}

fn error_response(code: u16, text: &'static str) -> StoreResponse {
    let body = futures_util::stream::once(async { Ok(Bytes::from_static(text.as_bytes())) });
    let mut response = Response::new(frames(body.boxed()));
    *response.status_mut() = StatusCode::from_u16(code).expect("a status");
    response
}

fn frames(
    body: BoxStream<'static, Result<Bytes, Failure>>,
) -> StreamBody<BoxStream<'static, Result<Frame<Bytes>, Failure>>> {
    StreamBody::new(body.map_ok(Frame::data).boxed())
}

/// The first bytes of a body, and a failure when there are more.
fn cut(
    body: BoxStream<'static, Result<Bytes, Failure>>,
    bytes: usize,
) -> BoxStream<'static, Result<Bytes, Failure>> {
    let cut = body.scan(Some(bytes), |left, piece| {
        let next = left.map(|bytes| match piece {
            Ok(piece) if piece.len() > bytes => {
                *left = None;
                Err(io::Error::from(io::ErrorKind::ConnectionReset).into())
            }
            Ok(piece) => {
                *left = Some(bytes - piece.len());
                Ok(piece)
            }
            Err(error) => Err(error),
        });
        std::future::ready(next)
    });
    cut.boxed()
}

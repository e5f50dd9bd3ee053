//! Harness: the HTTP edge without a network, with a scripted authenticator and database.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot be set up has failed"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt as _;
use less_sync_api::{
    ApiState, Authenticate, CorsOrigins, Deps, Draining, KeySetDocument, ServerMetadata, layers, router,
};
use less_sync_auth::{Caller, InvalidToken, Scopes, TokenError};
use less_sync_core::{ClientId, SpaceId, Timestamp};
use less_sync_engine::{Clock, Job, Spawner};
use less_sync_storage::{OwnerHash, Space, SpaceKind, SpaceRejection, Spaces, SpacesError, StorageError};
use serde_json::Value;
use tower::ServiceExt as _;

/// Behaviour of the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Database {
    Up,
    Down,
    Hanging,
}

/// An HTTP edge under test.
pub(crate) struct Edge {
    pub(crate) draining: Draining,
    pub(crate) pings: Arc<AtomicUsize>,
    service: Router,
}

/// Spawner that must not be used: without files, no task outlives its request.
struct NoTasks;

impl Spawner for NoTasks {
    fn spawn(&self, name: &'static str, _job: Job) {
        panic!("unexpected task {name}");
    }

    fn spawn_to_completion(&self, name: &'static str, job: Job) {
        self.spawn(name, job);
    }
}

/// Response with its whole body.
pub(crate) struct Response {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Edge {
    pub(crate) fn new() -> Self {
        Self::with(Database::Up, CorsOrigins::Any, Router::new())
    }

    pub(crate) fn with(database: Database, cors: CorsOrigins, routes: Router) -> Self {
        let issuers =
            vec![("https://up.example".to_owned(), true), ("https://down.example".to_owned(), false)];
        Self::with_issuers(issuers, database, cors, routes)
    }

    pub(crate) fn with_issuers(
        issuers: Vec<(String, bool)>,
        database: Database,
        cors: CorsOrigins,
        routes: Router,
    ) -> Self {
        Self::composed(database, routes, |deps| Deps {
            authenticator: Arc::new(Tokens { issuers }),
            cors,
            ..deps
        })
    }

    /// With public metadata.
    pub(crate) fn with_metadata(metadata: ServerMetadata, cors: CorsOrigins) -> Self {
        Self::composed(Database::Up, Router::new(), |deps| Deps { metadata: Some(metadata), cors, ..deps })
    }

    fn composed(database: Database, routes: Router, change: impl FnOnce(Deps) -> Deps) -> Self {
        let draining = Draining::default();
        let pings = Arc::new(AtomicUsize::new(0));
        let state = ApiState::new(change(Deps {
            authenticator: Arc::new(Tokens { issuers: Vec::new() }),
            storage: Arc::new(Store { database, pings: pings.clone() }),
            files: None,
            clock: Arc::new(PausedClock),
            spawner: Arc::new(NoTasks),
            draining: draining.clone(),
            cors: CorsOrigins::Any,
            metadata: None,
            key_set: KeySetDocument::default(),
            random: Arc::new(|| 7),
            denials: Arc::default(),
            node: None,
        }));
        let service = layers(router(&state).merge(routes), &state);
        Self { draining, pings, service }
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Response {
        let response = self.service.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        Response { status: parts.status, headers: parts.headers, body }
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.send(request("GET", path)).await
    }

    pub(crate) async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Response {
        let mut asked = Request::builder().uri(path);
        for (name, value) in headers {
            asked = asked.header(*name, *value);
        }
        self.send(asked.body(Body::empty()).unwrap()).await
    }
}

pub(crate) fn request(method: &str, path: &str) -> Request<Body> {
    Request::builder().method(method).uri(path).body(Body::empty()).unwrap()
}

impl Response {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.header("content-type"), Some("application/json"));
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn error(&self) -> String {
        let body = self.json();
        assert_eq!(body.as_object().unwrap().len(), 1, "exactly one member: {body}");
        body["error"].as_str().unwrap().to_owned()
    }
}

/// Verifier of tokens that name their own result.
struct Tokens {
    issuers: Vec<(String, bool)>,
}

#[async_trait]
impl Authenticate for Tokens {
    async fn authenticate(&self, token: &str) -> Result<Caller, TokenError> {
        match token {
            "" => Err(TokenError::Missing),
            "good" => Ok(caller()),
            "expired" => Err(TokenError::Expired),
            "foreign" => Err(TokenError::UntrustedIssuer),
            "outage" => Err(TokenError::KeySourceUnavailable),
            "slow" => std::future::pending().await,
            _ => Err(TokenError::Invalid(InvalidToken::Signature)),
        }
    }

    fn issuers(&self) -> Vec<(String, bool)> {
        self.issuers.clone()
    }
}

fn caller() -> Caller {
    Caller {
        issuer: "https://up.example".to_owned(),
        user_id: "user-1".parse().unwrap(),
        client_id: "client-1".parse().unwrap(),
        scopes: Scopes::new("sync"),
        did: None,
        mailbox_id: None,
        personal_space: None,
        expires_at: Timestamp::from_seconds(1),
        token_id: None,
    }
}

struct Store {
    database: Database,
    pings: Arc<AtomicUsize>,
}

#[async_trait]
impl Spaces for Store {
    async fn ping(&self) -> Result<(), StorageError> {
        self.pings.fetch_add(1, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(10)).await;
        match self.database {
            Database::Up => Ok(()),
            Database::Down => Err(StorageError::Unavailable("unplugged".into())),
            Database::Hanging => std::future::pending().await,
        }
    }

    async fn spaces(&self, _ids: &[SpaceId]) -> Result<Vec<Space>, StorageError> {
        Ok(Vec::new())
    }

    async fn create_space(
        &self,
        _: SpaceId,
        _: &ClientId,
        _: SpaceKind,
        _: Option<OwnerHash>,
    ) -> Result<Space, SpacesError> {
        Err(StorageError::Rejected(SpaceRejection::Exists))
    }

    async fn personal_space(
        &self,
        _: SpaceId,
        _: &ClientId,
        _: Option<OwnerHash>,
    ) -> Result<Space, StorageError> {
        Err(StorageError::SpaceNotFound)
    }
}

/// Clock of a paused runtime, which advances when all tasks wait.
struct PausedClock;

impl Clock for PausedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_seconds(0)
    }

    fn instant(&self) -> Instant {
        tokio::time::Instant::now().into_std()
    }

    fn sleep_until(&self, at: Instant) -> Job {
        Box::pin(tokio::time::sleep_until(at.into()))
    }
}

//! Context of a running request: its connection, its caller, and the message that contains it.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use less_sync_auth::Caller;
use less_sync_core::cbor::{Decode, Encode};
use less_sync_core::wire::method::Method;
use less_sync_core::{ConnectionId, ErrorCode, SpaceId, frame};
use less_sync_engine::{Clock, Credentials, Denial, Edge, Engine, Rule};
use parking_lot::Mutex;

use crate::call::Call;
use crate::connection::Connection;
use crate::identity::CurrentIdentity;
use crate::outbox::AfterWrite;
use crate::repeats::FirstRun;
use crate::rpc_error::RpcError;
use crate::server_link::ServerLink;

/// Everything that a handler gets besides its params.
pub(crate) struct Context {
    connection: Arc<Connection>,
    call: Call,
    identity: CurrentIdentity,
    started: Instant,
    /// Execution whose outcome repeats of the request get.
    first_run: Mutex<Option<FirstRun>>,
}

impl Context {
    /// The context of `call`, with the identity as of now.
    pub(crate) fn new(connection: Arc<Connection>, call: Call) -> Self {
        let (identity, started) = (connection.identity(), connection.endpoint.clock.instant());
        Self { connection, call, identity, started, first_run: Mutex::default() }
    }

    /// The same context, of an execution whose outcome repeats of the request get.
    pub(crate) fn of_first(self, run: FirstRun) -> Self {
        Self { first_run: Mutex::new(Some(run)), ..self }
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// The same connection, to be kept.
    pub(crate) fn shared_connection(&self) -> Arc<Connection> {
        self.connection.clone()
    }

    /// Id of the connection; origin of the events that the request causes.
    pub(crate) fn connection_id(&self) -> ConnectionId {
        self.connection.id
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.connection.endpoint.engine
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        self.connection.endpoint.clock.as_ref()
    }

    pub(crate) fn call(&self) -> &Call {
        &self.call
    }

    /// User at the start of the request.
    ///
    /// # Errors
    /// The error for a server, which has no such method.
    pub(crate) fn caller(&self) -> Result<&Caller, RpcError> {
        self.identity.user().ok_or_else(|| RpcError::new(ErrorCode::MethodNotFound, "method of users"))
    }

    /// Link of the server that sent the request; `None` for a user.
    pub(crate) fn server(&self) -> Option<&ServerLink> {
        self.connection.server()
    }

    /// The presenter together with the chain of UCANs and the home server from the params.
    pub(crate) fn credentials<'a>(&'a self, ucan: Option<&'a str>, home: Option<&'a str>) -> Credentials<'a> {
        let presenter = self.identity.presenter();
        Credentials { presenter, ucan, home, token: None, failed: self.connection.failed_verifications() }
    }

    /// A blob of the params as a shared slice of the message. `part` must borrow from the params.
    pub(crate) fn slice(&self, part: &[u8]) -> Bytes {
        self.call.message().slice_ref(part)
    }

    /// Decodes the params; the error carries the label of the method (protocol §3.4).
    pub(crate) fn params<'b, P: Decode<'b>>(&'b self) -> Result<P, RpcError> {
        self.call.params().map_err(|_| self.invalid_params())
    }

    /// Error for params that cannot be decoded, or that lack a member which the handler requires.
    pub(crate) fn invalid_params(&self) -> RpcError {
        match self.call.method.and_then(Method::params_label).unwrap_or_default() {
            "" => RpcError::new(ErrorCode::InvalidParams, "invalid params"),
            label => RpcError::new(ErrorCode::InvalidParams, format!("invalid {label} params")),
        }
    }

    /// The error in the form for the other end: a server gets no hint which spaces exist (federation §9.1).
    pub(crate) fn concealed(&self, error: RpcError) -> RpcError {
        match (self.server(), error.rule) {
            (Some(_), Some(Rule::UnknownSpace)) => {
                RpcError { code: ErrorCode::Forbidden, message: "forbidden".into(), ..error }
            }
            (Some(_) | None, _) => error,
        }
    }

    /// Encodes the response of the request.
    pub(crate) fn encode(&self, result: &Result<impl Encode, RpcError>) -> Bytes {
        let run = self.first_run.lock().take();
        if let Some(run) = run {
            run.complete(result.as_ref().map_err(Clone::clone).map(|result| {
                let mut out = Vec::with_capacity(result.size_hint());
                result.encode(&mut out);
                out.into()
            }));
        }
        match result {
            Ok(result) => frame::response(self.call.id(), result),
            Err(error) => self.encode_error(error),
        }
    }

    fn encode_error(&self, error: &RpcError) -> Bytes {
        let RpcError { code, message, .. } = error;
        // Federation §9.9: only native servers know this member.
        match error.retry_after.filter(|_| self.server().is_some_and(ServerLink::is_native)) {
            Some(after) => frame::error_with_retry(self.call.id(), *code, message, after),
            None => frame::error(self.call.id(), *code, message),
        }
    }

    /// Counts the response of the request, a result or an error with this code, and names its outcome in the span of the
    /// request. Requests of unknown methods are not counted.
    pub(crate) fn conclude(&self, error: Option<ErrorCode>) {
        let endpoint = &self.connection.endpoint;
        let duration = endpoint.clock.instant().saturating_duration_since(self.started);
        if let Some(method) = self.call.method {
            endpoint.rpc_metrics.responded(method, error.is_none(), duration);
        }
        tracing::Span::current().record("outcome", error.map_or("ok", ErrorCode::as_str));
        tracing::debug!(duration_ms = duration.as_millis(), "response queued");
    }

    /// Records the denial of the request, or of its part for `space`, if `error` is one.
    pub(crate) fn deny(&self, space: Option<SpaceId>, error: &RpcError) {
        if let Some(rule) = error.rule {
            self.denied(space, error.code.as_str(), rule);
        }
    }

    /// Records that `rule` denied the request, or its part for `space`. `code`: what the client received.
    pub(crate) fn denied(&self, space: Option<SpaceId>, code: &'static str, rule: Rule) {
        let endpoint = &self.connection.endpoint;
        endpoint.denials.add(Denial {
            at: endpoint.clock.now(),
            edge: Edge::Rpc,
            operation: self.call.method.map_or("unknown", Method::name).into(),
            request_id: self.call.loggable_id().map(str::to_owned),
            connection: Some(self.connection.id),
            actor: Some(self.connection.actor),
            space,
            code: code.into(),
            rule,
        });
    }

    /// Queues a frame of the response, waiting for room.
    pub(crate) async fn queue(&self, frame: Bytes, after: Option<AfterWrite>) {
        self.connection.queue(frame, after).await;
    }
}

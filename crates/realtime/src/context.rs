//! Context of a running request: its connection, its caller, and the message that contains it.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use less_sync_auth::Caller;
use less_sync_core::cbor::{Decode, Encode};
use less_sync_core::wire::method::Method;
use less_sync_core::{ConnectionId, ErrorCode, frame};
use less_sync_engine::{Credentials, Engine};

use crate::call::Call;
use crate::connection::Connection;
use crate::outbox::AfterWrite;
use crate::rpc_error::RpcError;

/// Everything that a handler gets besides its params.
pub(crate) struct Context {
    connection: Arc<Connection>,
    call: Call,
    caller: Arc<Caller>,
    started: Instant,
}

impl Context {
    /// The context of `call`, with the caller as of now.
    pub(crate) fn new(connection: Arc<Connection>, call: Call) -> Self {
        let (caller, started) = (connection.caller(), connection.endpoint.clock.instant());
        Self { connection, call, caller, started }
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Id of the connection; origin of the events that the request causes.
    pub(crate) fn connection_id(&self) -> ConnectionId {
        self.connection.id
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.connection.endpoint.engine
    }

    pub(crate) fn call(&self) -> &Call {
        &self.call
    }

    /// Identity at the start of the request.
    pub(crate) fn caller(&self) -> &Caller {
        &self.caller
    }

    /// The caller together with the chain of UCANs from the params.
    pub(crate) fn credentials<'a>(&'a self, ucan: Option<&'a str>) -> Credentials<'a> {
        Credentials { caller: &self.caller, ucan, failed: Some(self.connection.failed_verifications()) }
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
        let label = self.call.method.and_then(Method::params_label).unwrap_or_default();
        RpcError::new(ErrorCode::InvalidParams, format!("invalid {label} params"))
    }

    /// Encodes the response of the request.
    pub(crate) fn encode(&self, result: &Result<impl Encode, RpcError>) -> Bytes {
        match result {
            Ok(result) => frame::response(self.call.id(), result),
            Err(RpcError { code, message }) => frame::error(self.call.id(), *code, message),
        }
    }

    /// Counts the response of the request; requests of unknown methods are not counted.
    pub(crate) fn count(&self, is_ok: bool) {
        if let Some(method) = self.call.method {
            let endpoint = &self.connection.endpoint;
            let duration = endpoint.clock.instant().saturating_duration_since(self.started);
            endpoint.rpc_metrics.responded(method, is_ok, duration);
        }
    }

    /// Queues a frame of the response, waiting for room.
    pub(crate) async fn queue(&self, frame: Bytes, after: Option<AfterWrite>) {
        self.connection.queue(frame, after).await;
    }
}

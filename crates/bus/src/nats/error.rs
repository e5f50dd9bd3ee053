//! Failures of the NATS transport.

use std::time::Duration;

use async_nats::{ConnectError, PublishError, ServerError, SubscribeError};
use less_sync_engine::ports::BusError;

/// Maximum duration of a transmission, the wait for a connection that is being opened included.
pub(super) const LIMIT: Duration = Duration::from_secs(2);

/// Failure of the transport.
#[derive(Debug, thiserror::Error)]
pub(super) enum NatsError {
    #[error("cannot connect to NATS")]
    Connect(#[source] ConnectError),
    #[error("not connected to NATS")]
    NotConnected,
    #[error("the connection to NATS has ended")]
    Ended,
    #[error("NATS rejected a request")]
    Rejected(#[source] ServerError),
    #[error("failed to subscribe at NATS")]
    Subscribe(#[source] SubscribeError),
    #[error("failed to publish at NATS")]
    Publish(#[source] PublishError),
    #[error("NATS did not accept a message within {} s", LIMIT.as_secs())]
    Timeout,
}

impl From<NatsError> for BusError {
    fn from(error: NatsError) -> Self {
        Self(error.into())
    }
}

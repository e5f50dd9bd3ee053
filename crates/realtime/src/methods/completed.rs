//! Outcome of a request for the session of its connection.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use less_sync_core::Close;

use crate::call::Call;
use crate::connection::Connection;
use crate::context::Context;

/// End of a request in its lane.
pub(crate) enum Progress {
    /// The response is queued.
    Completed(Completed),
    /// Another server has to respond.
    Forwarded(Forwarding),
}

/// Request that another server has to respond to.
pub(crate) struct Forwarding {
    pub(crate) connection: Arc<Connection>,
    pub(crate) call: Call,
    /// Hands the request over, and passes the response on.
    pub(crate) rest: BoxFuture<'static, Completed>,
}

/// Outcome of a request for the session of its connection, once its response is queued.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Completed {
    /// Effect on the session.
    pub(crate) effect: Effect,
    /// Size of the message of the request, in bytes.
    pub(crate) message_bytes: usize,
}

/// Effect of a request on the session of its connection.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Effect {
    /// No effect.
    None,
    /// Remaining validity of an access token that the request replaced.
    TokenValidFor(Duration),
    /// Idle timeout of the link from now on.
    IdleTimeout(Duration),
    /// Close that follows the response.
    Close(Close),
}

impl Completed {
    pub(super) fn new(context: &Context, effect: Effect) -> Self {
        Self { effect, message_bytes: context.call().message().len() }
    }
}

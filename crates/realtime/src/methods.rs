//! Dispatch of calls to their handlers; one file per family of methods.
//!
//! # Handlers
//!
//! A handler is an async function with one of three shapes. `unary` handlers return one response:
//!
//! ```text
//! async fn create(context: &Context, params: SpaceCreateParams<'_>) -> Result<impl Encode, RpcError>
//! ```
//!
//! `streaming` handlers can also send chunks and events before the response, and name actions that follow it:
//!
//! ```text
//! async fn pull(stream: Stream<'_>, params: PullParams<'_>) -> Result<Response<impl Encode>, RpcError>
//! ```
//!
//! `pipelined` handlers have two phases, so that consecutive calls share a wait, for a commit for example, and still take
//! effect in arrival order. The driver runs the first phases one at a time, in arrival order, and the second phases
//! concurrently:
//!
//! ```text
//! async fn enqueue(context: &Context, params: PushParams<'_>) -> Result<QueuedPush, ErrorCode>
//! async fn finish(context: &Context, queued: Result<QueuedPush, ErrorCode>) -> Result<impl Encode, RpcError>
//! ```
//!
//! A request on a space that another server holds leaves its lane, and is forwarded (`forward`).
//!
//! Decoding, `invalid_params`, encoding and queueing are the adapter's (`adapter`). Notifications are plain functions of
//! the connection and their params.
//!
//! # Order of checks
//!
//! The first failing check decides the response, and the order of checks is part of the wire (protocol §4). A handler
//! follows one of two patterns:
//!
//! - *Validate, then authorize*: the handler builds a complete command from the params and calls one use case of the
//!   engine, which authorizes and executes. The default.
//! - *Authorize, then validate*: where a malformed command must not be distinguishable without the right to send it, the
//!   engine splits the use case. The handler calls `engine.authorize_…(credentials, space)` for a grant, then validates,
//!   then calls the operation with `&grant`; the operation does not exist without the grant (`push`, `deks.rewrap`,
//!   `epochKeys.put`).
//!
//! # Adding a method
//!
//! One row in [`Method`], and one handler; [`handler`] does not compile until the new variant has one.

mod adapter;
mod completed;
mod deks;
mod epoch;
mod epoch_keys;
mod forward;
mod forwarded_invitation;
mod hello;
mod invitation;
mod membership;
mod params;
mod presence;
mod pull;
mod push;
mod space;
mod stream;
mod subscribe;
mod token;

use futures_util::future::BoxFuture;
use less_sync_core::wire::method::{Kind, Method};

use crate::call::Call;
use crate::connection::Connection;
use crate::context::Context;
pub(crate) use adapter::{reject, respond_again, respond_unknown_method};
pub(crate) use completed::{Completed, Effect, Forwarding, Progress};

/// Handler of a method, behind the adapter of its shape.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Handler {
    /// Responds exactly once, after any number of chunks.
    Request(fn(Context) -> BoxFuture<'static, Progress>),
    /// Responds exactly once, in two phases: the first enqueues a change, the second waits for the outcome.
    Pipelined(fn(Context) -> BoxFuture<'static, Enqueued>),
    /// Runs to completion without a response. Returns the number of receivers that it sent something to.
    Notification(fn(&Connection, &Call) -> usize),
    /// Handled by the session, without a handler.
    Session,
}

/// Second phase of a pipelined request.
pub(crate) enum Enqueued {
    /// In the lane: the response follows those to the requests before it.
    InLane(BoxFuture<'static, Completed>),
    /// Outside of it: another server has to respond.
    Forwarded(Forwarding),
}

macro_rules! pipelined {
    ($enqueue:expr, $finish:expr, $is_forwarded:expr) => {
        Handler::Pipelined(|context| {
            Box::pin(async move {
                let queued = adapter::enqueue(&context, $enqueue).await;
                let is_forwarded = queued.as_ref().is_ok_and($is_forwarded);
                let (connection, call) = (context.shared_connection(), context.call().clone());
                let rest = Box::pin(async move { adapter::finish(&context, queued, $finish).await });
                if is_forwarded {
                    Enqueued::Forwarded(Forwarding { connection, call, rest })
                } else {
                    Enqueued::InLane(rest)
                }
            })
        })
    };
}

macro_rules! unary {
    ($handler:expr) => {
        Handler::Request(|context| {
            Box::pin(async move {
                match adapter::unary(&context, $handler).await {
                    Ok(completed) => Progress::Completed(completed),
                    Err(home) => adapter::leave(context, home),
                }
            })
        })
    };
}

macro_rules! streaming {
    ($handler:expr) => {
        Handler::Request(|context| {
            Box::pin(async move { Progress::Completed(adapter::streaming(&context, $handler).await) })
        })
    };
}

macro_rules! notification {
    ($handler:expr) => {
        Handler::Notification(|connection, call| adapter::notification(connection, call, $handler))
    };
}

/// The handler of `method`.
pub(crate) const fn handler(method: Method) -> Handler {
    match method {
        Method::Push => pipelined!(push::enqueue, push::finish, push::is_forwarded),
        Method::Pull => streaming!(pull::pull),
        Method::Subscribe => streaming!(subscribe::subscribe),
        Method::Unsubscribe => notification!(subscribe::unsubscribe),
        Method::PresenceSet => notification!(presence::set),
        Method::PresenceClear => notification!(presence::clear),
        Method::EventSend => notification!(presence::send_event),
        Method::Auth | Method::FedCancel => Handler::Session,
        Method::TokenRefresh => streaming!(token::refresh),
        Method::SpaceCreate => unary!(space::create),
        Method::MembershipAppend => unary!(membership::append),
        Method::MembershipList => unary!(membership::list),
        Method::MembershipRevoke => unary!(membership::revoke),
        Method::InvitationCreate => unary!(invitation::create),
        Method::InvitationList => unary!(invitation::list),
        Method::InvitationGet => unary!(invitation::get),
        Method::InvitationDelete => unary!(invitation::delete),
        Method::EpochBegin => unary!(epoch::begin),
        Method::EpochComplete => unary!(epoch::complete),
        Method::EpochKeysPut => unary!(epoch_keys::put),
        Method::EpochKeysGet => unary!(epoch_keys::get),
        Method::DeksGet => streaming!(deks::get),
        Method::DeksRewrap => unary!(deks::rewrap),
        Method::DeksGetFiles => streaming!(deks::get_files),
        Method::DeksRewrapFiles => unary!(deks::rewrap_files),
        Method::FedHello => streaming!(hello::hello),
        Method::FedInvitation => unary!(forwarded_invitation::deliver),
    }
}

// A row and a handler of different kinds do not compile.
const _: () = {
    let mut methods = Method::ALL;
    while let [method, rest @ ..] = methods {
        let row = method.row();
        assert!(matches!(
            (row.kind, row.is_pipelined, handler(*method)),
            (Kind::Request { .. }, false, Handler::Request(_))
                | (Kind::Request { .. }, true, Handler::Pipelined(_))
                | (Kind::Notification, false, Handler::Notification(_))
                | (Kind::Handshake | Kind::Notification, false, Handler::Session)
        ));
        methods = rest;
    }
};

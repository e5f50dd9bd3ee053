//! The method table, and one file per family of methods.

mod chunks;
mod deks;
mod epoch;
mod epoch_keys;
mod invitation;
mod membership;
mod presence;
mod pull;
mod push;
mod space;
mod subscribe;
mod token;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use less_sync_core::{ErrorCode, FileId, RecordId, limits};

use crate::call::Call;
use crate::connection::Connection;
use crate::outbound::RpcError;
use crate::session::Lane;

/// What a finished request tells the session beside its answer.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Finished {
    /// A refreshed token is valid for this long.
    pub(crate) token_valid_for: Option<Duration>,
}

type Request = fn(Arc<Connection>, Call) -> BoxFuture<'static, Finished>;
type Notification = fn(&Connection, &Call);

/// How a method is carried out.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Run {
    /// Answers, sooner or later.
    Request(Request),
    /// Never answers, done at once.
    Notification(Notification),
}

/// A method of the wire.
#[derive(Debug)]
pub(crate) struct Method {
    name: &'static str,
    /// Where it runs.
    pub(crate) lane: Lane,
    /// Whether it counts against the rate of presence and events.
    pub(crate) ephemeral: bool,
    /// Whether it is carried through even when its connection ends meanwhile: what may have been committed has to be
    /// told to the watchers by somebody.
    pub(crate) carried_through: bool,
    /// Whether calls of it that follow each other run together. Such a method keeps their order by itself, see
    /// [`Connection::turn`].
    pub(crate) pipelined: bool,
    pub(crate) run: Run,
}

const fn request(name: &'static str, lane: Lane, run: Request) -> Method {
    Method { name, lane, ephemeral: false, carried_through: false, pipelined: false, run: Run::Request(run) }
}

const fn mutation(name: &'static str, run: Request) -> Method {
    Method { carried_through: true, ..request(name, Lane::Ordered, run) }
}

const fn pipelined_mutation(name: &'static str, run: Request) -> Method {
    Method { pipelined: true, ..mutation(name, run) }
}

const fn notification(name: &'static str, ephemeral: bool, run: Notification) -> Method {
    let run = Run::Notification(run);
    Method { name, lane: Lane::Ordered, ephemeral, carried_through: false, pipelined: false, run }
}

static REQUESTS: &[Method] = &[
    pipelined_mutation("push", |connection, call| Box::pin(push::push(connection, call))),
    request("pull", Lane::Stream, |connection, call| Box::pin(pull::pull(connection, call))),
    request("subscribe", Lane::Ordered, |connection, call| Box::pin(subscribe::subscribe(connection, call))),
    request("token.refresh", Lane::Ordered, |connection, call| Box::pin(token::refresh(connection, call))),
    mutation("space.create", |connection, call| Box::pin(space::create(connection, call))),
    mutation("membership.append", |connection, call| Box::pin(membership::append(connection, call))),
    request("membership.list", Lane::Ordered, |connection, call| {
        Box::pin(membership::list(connection, call))
    }),
    mutation("membership.revoke", |connection, call| Box::pin(membership::revoke(connection, call))),
    mutation("invitation.create", |connection, call| Box::pin(invitation::create(connection, call))),
    request("invitation.list", Lane::Ordered, |connection, call| {
        Box::pin(invitation::list(connection, call))
    }),
    request("invitation.get", Lane::Ordered, |connection, call| Box::pin(invitation::get(connection, call))),
    request("invitation.delete", Lane::Ordered, |connection, call| {
        Box::pin(invitation::delete(connection, call))
    }),
    request("epoch.begin", Lane::Ordered, |connection, call| Box::pin(epoch::begin(connection, call))),
    request("epoch.complete", Lane::Ordered, |connection, call| Box::pin(epoch::complete(connection, call))),
    request("epochKeys.put", Lane::Ordered, |connection, call| Box::pin(epoch_keys::put(connection, call))),
    request("epochKeys.get", Lane::Ordered, |connection, call| Box::pin(epoch_keys::get(connection, call))),
    request("deks.get", Lane::Stream, deks_get::<RecordId>),
    request("deks.rewrap", Lane::Ordered, deks_rewrap::<RecordId>),
    request("deks.getFiles", Lane::Stream, deks_get::<FileId>),
    request("file.deks.get", Lane::Stream, deks_get::<FileId>),
    request("deks.rewrapFiles", Lane::Ordered, deks_rewrap::<FileId>),
    request("file.deks.rewrap", Lane::Ordered, deks_rewrap::<FileId>),
];

fn deks_get<Id: deks::DekRows>(connection: Arc<Connection>, call: Call) -> BoxFuture<'static, Finished> {
    Box::pin(deks::get::<Id>(connection, call))
}

fn deks_rewrap<Id: deks::DekRows>(connection: Arc<Connection>, call: Call) -> BoxFuture<'static, Finished> {
    Box::pin(deks::rewrap::<Id>(connection, call))
}

static NOTIFICATIONS: &[Method] = &[
    notification("event.send", true, presence::send_event),
    notification("presence.set", true, presence::set),
    notification("presence.clear", true, presence::clear),
    notification("unsubscribe", false, subscribe::unsubscribe),
];

/// The request method of this name.
pub(crate) fn find_request(name: &str) -> Option<&'static Method> {
    REQUESTS.iter().find(|method| method.name == name)
}

/// The notification method of this name.
pub(crate) fn find_notification(name: &str) -> Option<&'static Method> {
    NOTIFICATIONS.iter().find(|method| method.name == name)
}

/// Answers a request that names no request method (protocol §2.4); the echo of the name is cut.
pub(crate) async fn unknown(connection: Arc<Connection>, call: Call) -> Finished {
    let mut end = call.method().len().min(limits::METHOD_NAME);
    while !call.method().is_char_boundary(end) {
        end -= 1;
    }
    let name = call.method().get(..end).unwrap_or_default();
    let error = RpcError::new(ErrorCode::MethodNotFound, format!("unknown method: {name}"));
    connection.answer(&call, Err::<Nothing, _>(error)).await;
    Finished::default()
}

/// The result of a request that only ever fails.
enum Nothing {}

impl less_sync_core::cbor::Encode for Nothing {
    fn encode(&self, _out: &mut Vec<u8>) {
        match *self {}
    }
}

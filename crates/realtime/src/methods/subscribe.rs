//! `subscribe` and `unsubscribe` (protocol §4.2, §4.6).

mod accepted;
mod elsewhere;
mod entered;
mod remote;

use std::collections::HashMap;

use bytes::Bytes;
use less_sync_core::cbor::Encode;
use less_sync_core::wire::event::Presence;
use less_sync_core::wire::method;
use less_sync_core::wire::subscribe::{
    Peer, SpaceError, SpaceState, SubscribeEntry, SubscribeParams, SubscribeResult, UnsubscribeParams,
};
use less_sync_core::{ErrorCode, SpaceId, frame, limits};
use less_sync_engine::Rule;

use super::params::space_id;
use super::stream::{Response, Stream};
use crate::broker::Confirmation;
use crate::connection::Connection;
use crate::context::Context;
use crate::outbox::{AfterWrite, PendingSubscription};
use crate::rpc_error::RpcError;
use crate::server_link::ServerLink;
use crate::subscription_id::SubscriptionId;
use accepted::Accepted;
use elsewhere::Elsewhere;
use entered::{Entered, Entry};

/// Maximum peers listed per space.
const PEERS: usize = 100;

/// Maximum attempts of a subscription while UCANs of its space are being revoked.
const ATTEMPTS: usize = 8;

/// `subscribe`. Every listed space is subscribed to before its state is read, and its events are buffered until the
/// response has been written (protocol G2).
pub(super) async fn subscribe<'p>(
    stream: Stream<'_>,
    params: SubscribeParams<'p>,
) -> Result<Response<Subscribed<'p>>, RpcError> {
    if params.spaces.len() > limits::SPACES {
        return Err(RpcError::bad_request("too many spaces in subscribe request"));
    }
    let mut progress = Progress { excess: reserve(stream.context, &params)?, ..Progress::default() };
    let mut spaces = Vec::with_capacity(params.spaces.len());
    for entry in &params.spaces {
        spaces.push(progress.once(stream, entry).await);
    }
    progress.subscribe_elsewhere(stream.context).await;
    for (entry, space) in params.spaces.iter().zip(spaces) {
        progress.add(stream.context.connection(), entry, space);
    }
    let Progress { response, pending, late_presence, seen, .. } = progress;
    for (space, outcome) in seen {
        if outcome.is_err() {
            stream.context.connection().release_unwatched(space);
        }
    }
    let after_write = AfterWrite { subscriptions: pending, ephemeral: late_presence };
    Ok(Response { after_write: Some(after_write), ..response.into() })
}

/// Counts the spaces of a request against the quota of its server, and returns those beyond it; none for a client.
///
/// # Errors
/// The error for a server that does not understand errors of single entries (federation §9.2).
fn reserve(context: &Context, params: &SubscribeParams<'_>) -> Result<Vec<SpaceId>, RpcError> {
    let Some(link) = context.server() else { return Ok(Vec::new()) };
    let spaces = params.spaces.iter().filter(|entry| entry.ucan.is_some() || entry.token.is_some());
    let spaces: Vec<SpaceId> = spaces.filter_map(|entry| space_id(entry.id).ok()).collect();
    let (connection, broker) = (context.connection(), &context.connection().endpoint.broker);
    let excess = link.reserve(&spaces, connection.id, |space, id| broker.is_registered(space, id));
    if excess.is_empty() || link.has_entry_errors() {
        return Ok(excess);
    }
    for space in spaces {
        connection.release_unwatched(space);
    }
    Err(RpcError::new(ErrorCode::RateLimited, "space subscription quota exceeded"))
}

/// `unsubscribe`. Unknown spaces are ignored. Returns the number of receivers, none.
pub(super) fn unsubscribe(connection: &Connection, params: &UnsubscribeParams<'_>) -> usize {
    for space in params.spaces.iter().take(limits::SPACES) {
        if let Ok(space) = space_id(space) {
            connection.unsubscribe(space);
        }
    }
    0
}

/// Result of `subscribe`, with the state of each space.
#[derive(Default)]
pub(super) struct Subscribed<'p> {
    spaces: Vec<SubscribedSpace<'p>>,
    errors: Vec<SpaceError<'p>>,
}

/// Space of the result.
struct SubscribedSpace<'p> {
    /// As the client wrote it.
    id: &'p str,
    accepted: Accepted,
    peers: Vec<(String, Bytes)>,
}

impl SubscribedSpace<'_> {
    fn wire(&self) -> SpaceState<'_> {
        let Accepted { position, token } = &self.accepted;
        SpaceState {
            id: self.id,
            cursor: position.cursor,
            key_generation: position.key_generation,
            rewrap_epoch: position.rewrap_epoch,
            token: token.as_ref().map(|token| token.text.as_str()),
            token_expires: token.as_ref().map(|token| token.expires_at.unix_seconds()),
            peers: self.peers.iter().map(|(peer, data)| Peer { peer, data }).collect(),
        }
    }
}

impl Encode for Subscribed<'_> {
    fn encode(&self, out: &mut Vec<u8>) {
        let spaces = self.spaces.iter().map(SubscribedSpace::wire).collect();
        SubscribeResult { spaces, errors: self.errors.clone() }.encode(out);
    }
}

/// A `subscribe` request in progress.
#[derive(Default)]
struct Progress<'p> {
    response: Subscribed<'p>,
    pending: Vec<PendingSubscription>,
    /// Outcome for each space of this request, for entries that repeat a space.
    seen: HashMap<SpaceId, Result<Accepted, ErrorCode>>,
    /// Subscriptions that other servers have to accept.
    elsewhere: Vec<Elsewhere>,
    /// Spaces beyond the quota of the server.
    excess: Vec<SpaceId>,
    /// Size of the listed peers so far, in bytes.
    peer_bytes: usize,
    /// Presence beyond the budget of the response; sent as events after it. At most as many as the queue of ephemeral events
    /// holds.
    late_presence: Vec<(SpaceId, Bytes)>,
}

impl<'p> Progress<'p> {
    /// Subscribes to the space of `entry`, unless an earlier entry did. Returns the space, whose outcome is among those seen once
    /// [`Self::subscribe_elsewhere`] has ended.
    async fn once(&mut self, stream: Stream<'_>, entry: &SubscribeEntry<'p>) -> Result<SpaceId, ErrorCode> {
        let space = space_id(entry.id).map_err(|error| {
            stream.context.deny(None, &error);
            error.code
        })?;
        if self.seen.contains_key(&space) {
            return Ok(space);
        }
        if stream.context.server().is_some() && entry.ucan.is_none() && entry.token.is_none() {
            stream.context.denied(Some(space), ErrorCode::BadRequest.as_str(), Rule::NoChain);
            return Err(ErrorCode::BadRequest);
        }
        // Until another server has answered, a remote space counts as one of an unavailable home.
        let outcome = self.subscribe(stream, space, entry).await.transpose();
        self.seen.insert(space, outcome.unwrap_or(Err(ErrorCode::HomeUnavailable)));
        Ok(space)
    }

    /// Registers, authorizes and reads. A revocation in between repeats all of it: the state may be from before. `None`: another
    /// server has to accept the subscription.
    async fn subscribe(
        &mut self,
        stream: Stream<'_>,
        space: SpaceId,
        entry: &SubscribeEntry<'p>,
    ) -> Result<Option<Accepted>, ErrorCode> {
        let connection = stream.context.connection();
        let endpoint = &connection.endpoint;
        let again = endpoint.broker.is_subscribed(space, connection.id);
        // The spaces of a server are counted over all of its links.
        let limit = stream.context.server().map_or(limits::SPACES, |_| usize::MAX);
        if self.excess.contains(&space) || !connection.add_subscription(space, limit) {
            stream.context.denied(Some(space), ErrorCode::RateLimited.as_str(), Rule::TooLarge);
            return Err(ErrorCode::RateLimited);
        }
        for _ in 0..ATTEMPTS {
            // Registered before the state is read: a change in between is buffered instead of lost (protocol G2).
            let id = endpoint.broker.register(space, connection.id, &connection.outbox);
            let entered = match Entered::read(stream, space, entry).await {
                Ok(Entry::Here(entered)) => entered,
                Ok(Entry::Elsewhere { home, chain }) => {
                    endpoint.broker.set_home(space, home.clone());
                    self.elsewhere.push(Elsewhere::new(space, id, again, entry, home, chain));
                    return Ok(None);
                }
                Err(error) => {
                    let error = stream.context.concealed(error);
                    stream.context.deny(Some(space), &error);
                    return Err(self.reject(connection, again.then_some(id), space, error.code));
                }
            };
            if endpoint.broker.confirm(space, connection.id, id, entered.start()) == Confirmation::Stale {
                continue;
            }
            self.pending.push(PendingSubscription { space, id });
            return Ok(Some(entered.begin(stream).await));
        }
        connection.unsubscribe(space);
        Err(ErrorCode::Internal)
    }

    /// Code of a rejection. An outage does not end `again`, a subscription that was live before (protocol §4.2), nor does the chain
    /// of one member end that of a server, which has the chains of others.
    fn reject(
        &mut self,
        connection: &Connection,
        again: Option<SubscriptionId>,
        space: SpaceId,
        code: ErrorCode,
    ) -> ErrorCode {
        match again {
            Some(id)
                if connection.server().is_some()
                    || matches!(code, ErrorCode::Internal | ErrorCode::HomeUnavailable) =>
            {
                self.pending.push(PendingSubscription { space, id });
            }
            Some(_) | None => connection.unsubscribe(space),
        }
        code
    }

    fn add(
        &mut self,
        connection: &Connection,
        entry: &SubscribeEntry<'p>,
        space: Result<SpaceId, ErrorCode>,
    ) {
        let outcome = space.and_then(|space| match self.seen.get(&space) {
            Some(outcome) => outcome.clone().map(|accepted| (space, accepted)),
            None => Err(ErrorCode::Internal),
        });
        match outcome {
            Ok((space, accepted)) => {
                let is_listed = entry.presence && connection.server().is_none_or(ServerLink::has_presence);
                let peers = if is_listed { self.peers(connection, space) } else { Vec::new() };
                self.response.spaces.push(SubscribedSpace { id: entry.id, accepted, peers });
            }
            Err(code) => self.response.errors.push(SpaceError { space: entry.id, error: code.as_str() }),
        }
    }

    /// Peers present in `space`, within the budget of the whole response (protocol §2.7).
    fn peers(&mut self, connection: &Connection, space: SpaceId) -> Vec<(String, Bytes)> {
        const ENTRY_OVERHEAD: usize = 64;
        let mut listed = Vec::new();
        let server = connection.server().map(|link| link.server().name());
        for (peer, data) in connection.endpoint.broker.peers_of_others(space, connection.id, server, PEERS) {
            let size = data.len() + ENTRY_OVERHEAD;
            if self.peer_bytes + size <= limits::SUBSCRIBE_PEERS {
                self.peer_bytes += size;
                listed.push((peer, data));
            } else if self.late_presence.len() < connection.endpoint.limits.ephemeral_queue {
                let presence = Presence { space, peer: &peer, data: &data };
                self.late_presence.push((space, frame::notification(method::PRESENCE, &presence)));
            }
        }
        listed
    }
}

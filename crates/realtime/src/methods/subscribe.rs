//! `subscribe` and `unsubscribe` (protocol §4.2, §4.6).

mod catch_up;
mod entered;

use std::collections::HashMap;

use bytes::Bytes;
use less_sync_core::cbor::Encode;
use less_sync_core::wire::event::Presence;
use less_sync_core::wire::method;
use less_sync_core::wire::subscribe::{
    Peer, SpaceError, SpaceState, SubscribeEntry, SubscribeParams, SubscribeResult, UnsubscribeParams,
};
use less_sync_core::{ErrorCode, SpaceId, frame, limits};
use less_sync_engine::EngineError;
use less_sync_storage::Space;

use super::params::space_id;
use super::stream::{Response, Stream};
use crate::broker::Confirmation;
use crate::connection::Connection;
use crate::outbox::{AfterWrite, PendingSubscription};
use crate::rpc_error::RpcError;
use crate::subscription_id::SubscriptionId;
use entered::Entered;

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
    let mut progress = Progress::default();
    for entry in &params.spaces {
        let outcome = progress.once(stream, entry).await;
        progress.add(stream.context.connection(), entry, outcome);
    }
    let Progress { response, pending, late_presence, .. } = progress;
    let after_write = AfterWrite { subscriptions: pending, ephemeral: late_presence };
    Ok(Response { result: response, after_write: Some(after_write), token_valid_for: None })
}

/// `unsubscribe`. Unknown spaces are ignored.
pub(super) fn unsubscribe(connection: &Connection, params: &UnsubscribeParams<'_>) {
    for space in params.spaces.iter().take(limits::SPACES) {
        if let Ok(space) = space_id(space) {
            connection.unsubscribe(space);
        }
    }
}

/// Result of `subscribe`, with the stored state of each space.
#[derive(Default)]
pub(super) struct Subscribed<'p> {
    spaces: Vec<SubscribedSpace<'p>>,
    errors: Vec<SpaceError<'p>>,
}

/// Space of the result.
struct SubscribedSpace<'p> {
    /// As the client wrote it.
    id: &'p str,
    state: Space,
    peers: Vec<(String, Bytes)>,
}

impl SubscribedSpace<'_> {
    fn wire(&self) -> SpaceState<'_> {
        SpaceState {
            id: self.id,
            cursor: self.state.cursor,
            key_generation: self.state.key_generation,
            rewrap_epoch: self.state.rewrap_epoch,
            token: None,
            token_expires: None,
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
    seen: HashMap<SpaceId, Result<Space, ErrorCode>>,
    /// Size of the listed peers so far, in bytes.
    peer_bytes: usize,
    /// Presence beyond the budget of the response; sent as events after it. At most as many as the queue of ephemeral events
    /// holds.
    late_presence: Vec<(SpaceId, Bytes)>,
}

impl<'p> Progress<'p> {
    /// Subscribes to the space of `entry`, unless an earlier entry did.
    async fn once(&mut self, stream: Stream<'_>, entry: &SubscribeEntry<'p>) -> Result<Space, ErrorCode> {
        let space = space_id(entry.id).map_err(|error| error.code)?;
        if let Some(seen) = self.seen.get(&space) {
            return seen.clone();
        }
        let outcome = self.subscribe(stream, space, entry).await;
        self.seen.insert(space, outcome.clone());
        outcome
    }

    /// Registers, authorizes and reads. A revocation in between repeats all of it: the state may be from before.
    async fn subscribe(
        &mut self,
        stream: Stream<'_>,
        space: SpaceId,
        entry: &SubscribeEntry<'p>,
    ) -> Result<Space, ErrorCode> {
        let connection = stream.context.connection();
        let endpoint = &connection.endpoint;
        let again = endpoint.broker.is_subscribed(space, connection.id);
        if !connection.add_subscription(space, limits::SPACES) {
            return Err(ErrorCode::RateLimited);
        }
        for _ in 0..ATTEMPTS {
            // Registered before the state is read: a change in between is buffered instead of lost (protocol G2).
            let id = endpoint.broker.register(space, connection.id, &connection.outbox);
            let entered = match Entered::read(stream, space, entry).await {
                Ok(entered) => entered,
                Err(error) => return Err(self.reject(connection, again.then_some(id), space, error)),
            };
            if endpoint.broker.confirm(space, connection.id, id, entered.start()) == Confirmation::Stale {
                continue;
            }
            self.pending.push(PendingSubscription { space, id });
            return Ok(entered.begin(stream).await);
        }
        connection.unsubscribe(space);
        Err(ErrorCode::Internal)
    }

    /// Code of a rejection. An outage does not end `again`, a subscription that was live before (protocol §4.2).
    fn reject(
        &mut self,
        connection: &Connection,
        again: Option<SubscriptionId>,
        space: SpaceId,
        error: EngineError,
    ) -> ErrorCode {
        let code = RpcError::from(error).code;
        match again {
            Some(id) if matches!(code, ErrorCode::Internal | ErrorCode::HomeUnavailable) => {
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
        outcome: Result<Space, ErrorCode>,
    ) {
        match outcome {
            Ok(state) => {
                let peers = if entry.presence { self.peers(connection, state.id) } else { Vec::new() };
                self.response.spaces.push(SubscribedSpace { id: entry.id, state, peers });
            }
            Err(code) => self.response.errors.push(SpaceError { space: entry.id, error: code.as_str() }),
        }
    }

    /// Peers present in `space`, within the budget of the whole response (protocol §2.7).
    fn peers(&mut self, connection: &Connection, space: SpaceId) -> Vec<(String, Bytes)> {
        const ENTRY_OVERHEAD: usize = 64;
        let mut listed = Vec::new();
        for (peer, data) in connection.endpoint.broker.peers(space, connection.id, PEERS) {
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

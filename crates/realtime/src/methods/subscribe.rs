//! `subscribe` and `unsubscribe` (protocol §4.2, §4.6).

mod catch_up;
mod entered;

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use less_sync_core::wire::event::Presence;
use less_sync_core::wire::method;
use less_sync_core::wire::subscribe::{
    Peer, SpaceError, SpaceState, SubscribeEntry, SubscribeParams, SubscribeResult, UnsubscribeParams,
};
use less_sync_core::{ErrorCode, SpaceId, frame, limits};
use less_sync_engine::EngineError;
use less_sync_storage::Space;

use super::Finished;
use crate::broker::{GateGeneration, Settled};
use crate::call::Call;
use crate::connection::Connection;
use crate::outbound::RpcError;
use crate::outbox::{AfterWrite, Gate};
use entered::Entered;

/// Peers listed per space.
const PEERS: usize = 100;

/// How often a subscription is tried while others are being revoked in its space.
const ATTEMPTS: usize = 8;

/// `subscribe`. Every listed space is watched before its state is read, and its events are held back until the
/// response has been written (protocol G2).
pub(super) async fn subscribe(connection: Arc<Connection>, call: Call) -> Finished {
    let params = match decode(&call) {
        Ok(params) => params,
        Err(error) => {
            connection.answer(&call, Err::<SubscribeResult<'_>, _>(error)).await;
            return Finished::default();
        }
    };
    let mut answer = Answer::default();
    for entry in &params.spaces {
        let outcome = answer.once(&connection, entry).await;
        answer.add(&connection, entry, outcome);
    }
    let Answer { spaces, errors, gates, late_presence, .. } = answer;
    let spaces = spaces.iter().map(Listed::wire).collect();
    let after = AfterWrite { gates, ephemeral: late_presence };
    connection.answer_then(&call, Ok(SubscribeResult { spaces, errors }), Some(after)).await;
    Finished::default()
}

fn decode(call: &Call) -> Result<SubscribeParams<'_>, RpcError> {
    let params: SubscribeParams<'_> =
        call.params().map_err(|cause| RpcError::invalid_params("subscribe", cause))?;
    if params.spaces.len() > limits::SPACES {
        return Err(RpcError::new(ErrorCode::BadRequest, "too many spaces in subscribe request"));
    }
    Ok(params)
}

/// `unsubscribe`. Unknown spaces are ignored.
pub(super) fn unsubscribe(connection: &Connection, call: &Call) {
    let Ok(params) = call.params::<UnsubscribeParams<'_>>() else { return };
    for space in params.spaces.iter().take(limits::SPACES) {
        if let Ok(space) = space.parse::<SpaceId>() {
            connection.unwatch(space);
        }
    }
}

/// An answer being put together.
#[derive(Default)]
struct Answer<'p> {
    spaces: Vec<Listed<'p>>,
    errors: Vec<SpaceError<'p>>,
    gates: Vec<Gate>,
    /// What each space of this request answered, for entries that name it again.
    seen: HashMap<SpaceId, Result<Space, ErrorCode>>,
    peer_bytes: usize,
    /// Presence beyond the budget of the response; it follows as events.
    late_presence: Vec<(SpaceId, Bytes)>,
}

/// One space of the answer.
struct Listed<'p> {
    id: &'p str,
    state: Space,
    peers: Vec<(String, Bytes)>,
}

impl Listed<'_> {
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

impl<'p> Answer<'p> {
    /// Subscribes to the space of `entry`, unless an earlier entry did.
    async fn once(
        &mut self,
        connection: &Connection,
        entry: &SubscribeEntry<'p>,
    ) -> Result<Space, ErrorCode> {
        let space: SpaceId = entry.id.parse().map_err(|_| ErrorCode::BadRequest)?;
        if let Some(seen) = self.seen.get(&space) {
            return seen.clone();
        }
        let outcome = self.watch(connection, space, entry).await;
        self.seen.insert(space, outcome.clone());
        outcome
    }

    /// Registers, authorizes, reads. When something is revoked in between, all of it again: what was read may be older.
    async fn watch(
        &mut self,
        connection: &Connection,
        space: SpaceId,
        entry: &SubscribeEntry<'p>,
    ) -> Result<Space, ErrorCode> {
        let endpoint = &connection.endpoint;
        let again = endpoint.broker.is_live(space, connection.id);
        if !connection.note_watched(space, limits::SPACES) {
            return Err(ErrorCode::RateLimited);
        }
        for _ in 0..ATTEMPTS {
            let generation = endpoint.broker.watch(space, connection.id, &connection.outbox);
            let entered = match Entered::read(connection, space, entry).await {
                Ok(entered) => entered,
                Err(error) => return Err(self.reject(connection, again.then_some(generation), space, error)),
            };
            if endpoint.broker.settle(space, connection.id, generation, entered.start()) == Settled::Doubtful
            {
                continue;
            }
            self.gate(space, generation);
            return Ok(entered.begin(connection).await);
        }
        connection.unwatch(space);
        Err(ErrorCode::Internal)
    }

    /// The code of a rejection. An outage does not end a subscription that was live before, `again` (protocol §4.2).
    fn reject(
        &mut self,
        connection: &Connection,
        again: Option<GateGeneration>,
        space: SpaceId,
        error: EngineError,
    ) -> ErrorCode {
        let code = RpcError::from(error).code;
        match again {
            Some(generation) if matches!(code, ErrorCode::Internal | ErrorCode::HomeUnavailable) => {
                self.gate(space, generation);
            }
            Some(_) | None => connection.unwatch(space),
        }
        code
    }

    fn gate(&mut self, space: SpaceId, generation: GateGeneration) {
        self.gates.push(Gate { space, generation });
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
                self.spaces.push(Listed { id: entry.id, state, peers });
            }
            Err(code) => self.errors.push(SpaceError { space: entry.id, error: code.as_str() }),
        }
    }

    /// Who is there, within the budget of the whole response (protocol §2.7).
    fn peers(&mut self, connection: &Connection, space: SpaceId) -> Vec<(String, Bytes)> {
        const ENTRY_OVERHEAD: usize = 64;
        let mut listed = Vec::new();
        for (peer, data) in connection.endpoint.broker.peers(space, connection.id, PEERS) {
            let size = data.len() + ENTRY_OVERHEAD;
            if self.peer_bytes + size <= limits::SUBSCRIBE_PEERS {
                self.peer_bytes += size;
                listed.push((peer, data));
            } else {
                let presence = Presence { space, peer: &peer, data: &data };
                self.late_presence.push((space, frame::notification(method::PRESENCE, &presence)));
            }
        }
        listed
    }
}

//! What follows once a response has been handed to the socket.

use bytes::Bytes;
use less_sync_core::{ConnectionId, SpaceId};

use crate::broker::{Broker, GateGeneration};

/// A subscription whose events are held back until the response that lists it has been written (protocol G2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gate {
    /// The space.
    pub space: SpaceId,
    /// Which of the connection's subscriptions to it; a newer one has a gate of its own.
    pub generation: GateGeneration,
}

/// What a response makes possible.
#[derive(Debug, Default)]
pub struct AfterWrite {
    /// Subscriptions that go live.
    pub gates: Vec<Gate>,
    /// Ephemeral frames that did not fit the response; each goes out if its space is still watched.
    pub ephemeral: Vec<(SpaceId, Bytes)>,
}

impl AfterWrite {
    /// Opens the gates and queues the rest, for `connection`, whose response was written.
    pub fn run(self, broker: &Broker, connection: ConnectionId) {
        for Gate { space, generation } in self.gates {
            broker.open(space, connection, generation);
        }
        for (space, frame) in self.ephemeral {
            broker.tell(space, connection, frame);
        }
    }
}

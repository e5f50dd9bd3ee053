//! Ports between local subscribers of remote spaces and the servers that hold those (federation §12.5, §12.6).

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use less_sync_core::{ConnectionId, Cursor, Epoch, SpaceId, Timestamp};

use less_sync_storage::Row;

use crate::ports::{EphemeralChange, PeerName};

/// Subscription of a local connection to a space of another server. `Debug` shows no chain.
#[derive(Clone)]
pub struct RemoteWatch {
    /// Space.
    pub space: SpaceId,
    /// Subscribed connection.
    pub connection: ConnectionId,
    /// Cursor of the client.
    pub since: Cursor,
    /// Chain of the user, verified against the root key of the space.
    pub ucan: Arc<str>,
    /// Last second of the chain.
    pub expires_at: Timestamp,
}

impl fmt::Debug for RemoteWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteWatch").field("space", &self.space).finish_non_exhaustive()
    }
}

/// Position of a remote space in its history, from its home.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HomePosition {
    /// Cursor of the space.
    pub cursor: Cursor,
    /// Key generation of the space.
    pub key_generation: Epoch,
    /// Epoch of the pending rewrap, if one is pending.
    pub rewrap_epoch: Option<Epoch>,
}

/// Change of a remote space, as its home has announced it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HomeChange {
    /// Cursor that the change continues.
    pub prev: Cursor,
    /// Position of the space after the change.
    pub position: HomePosition,
    /// Notification for clients.
    pub frame: Bytes,
    /// True for a notification that may belong to an earlier one with the same cursor (protocol §5.1).
    pub may_be_second: bool,
}

/// Port for the events of remote spaces: fan-out to their local subscribers. No function blocks.
pub trait HomeEvents: Send + Sync {
    /// Cursor up to which everything was delivered to the subscribers of `space`, inclusive; `None` without a confirmed one.
    fn delivered(&self, space: SpaceId) -> Option<Cursor>;

    /// Delivers a change. Repeated and late ones are dropped, early ones wait for those before them.
    fn changed(&self, space: SpaceId, change: HomeChange);

    /// Notes that the missing changes of `space` are being read from its home: until [`Self::caught_up`], gaps wait for them.
    fn catching_up(&self, space: SpaceId);

    /// Delivers rows that were read from the home: complete after what was delivered, in order, and with all rows of each cursor.
    /// `position`: key generation of the space.
    fn rows(&self, space: SpaceId, position: HomePosition, rows: &[Row]);

    /// Ends what [`Self::catching_up`] began. A pull hint takes the place of what is missing up to `position`; returns true when it
    /// was needed.
    fn caught_up(&self, space: SpaceId, position: HomePosition) -> bool;

    /// Sends every subscriber of `space` a pull hint up to `position`.
    fn hint(&self, space: SpaceId, position: HomePosition);

    /// Restarts the deliveries of `space` at `position`, which may be below what was delivered, and sends a pull hint with it.
    fn rewound(&self, space: SpaceId, position: HomePosition);

    /// Notifies the subscribers of `space` of a revocation, which may be that of their own chain.
    fn revoked(&self, space: SpaceId);

    /// Notifies the subscribers of `space` that they have to subscribe again.
    fn resubscribe(&self, space: SpaceId);

    /// Passes presence, or an event, of a peer at the home on to the subscribers of its space (federation §15).
    fn ephemeral(&self, change: &EphemeralChange);

    /// Replaces the peers that are present at the home of `space`.
    fn present(&self, space: SpaceId, peers: Vec<(PeerName, Bytes)>);

    /// Presence of the local subscribers of `space`.
    fn local_presence(&self, space: SpaceId) -> Vec<EphemeralChange>;
}

//! Subscriptions to spaces.

use bytes::Bytes;
use less_sync_core::wire::method;
use less_sync_core::wire::subscribe::{
    SpaceState, SubscribeEntry, SubscribeParams, SubscribeResult, UnsubscribeParams,
};
use less_sync_core::{Cursor, Epoch, SpaceId};

use crate::call::Response;
use crate::connection::Connection;
use crate::error::{CallError, Code, Ended};

/// Subscription to a space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watch {
    /// Id of the space.
    pub space: SpaceId,
    /// Cursor of the device.
    pub since: Cursor,
    /// Chain of UCANs for a shared space.
    pub ucan: Option<String>,
    /// True to list present peers.
    pub presence: bool,
    /// True to replay a small number of events after `since` (protocol §6.4).
    pub catchup: bool,
}

impl From<SpaceId> for Watch {
    fn from(space: SpaceId) -> Self {
        Self { space, since: Cursor::ZERO, ucan: None, presence: false, catchup: false }
    }
}

/// Result of a subscription; every requested space is in one of the two lists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subscribed {
    /// Watched spaces.
    pub spaces: Vec<WatchedSpace>,
    /// Rejected spaces, with their error codes.
    pub rejected: Vec<(SpaceId, Code)>,
}

/// State of a watched space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchedSpace {
    /// Id of the space.
    pub space: SpaceId,
    /// Cursor of the space, read after the subscription became active.
    pub cursor: Cursor,
    /// Key generation of the space.
    pub key_generation: Epoch,
    /// Epoch of the pending rewrap.
    pub rewrap_epoch: Option<Epoch>,
    /// Present peers, if requested.
    pub peers: Vec<Peer>,
}

/// Present peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Pseudonym of the peer within one connection and space.
    pub peer: String,
    /// Presence payload.
    pub data: Bytes,
}

impl Connection {
    /// Subscribes to spaces. Their events start with the response to this call.
    ///
    /// # Errors
    /// See [`CallError`]. A rejected space does not fail the call.
    pub async fn subscribe(&self, watches: &[Watch]) -> Result<Subscribed, CallError> {
        let ids: Vec<String> = watches.iter().map(|watch| watch.space.to_string()).collect();
        let spaces = watches.iter().zip(&ids).map(|(watch, id)| entry(watch, id)).collect();
        let response = self.call(method::SUBSCRIBE, &SubscribeParams { spaces }).await?;
        subscribed(&response)
    }

    /// Unsubscribes from spaces.
    ///
    /// # Errors
    /// The connection has ended.
    pub async fn unsubscribe(&self, spaces: &[SpaceId]) -> Result<(), Ended> {
        let ids: Vec<String> = spaces.iter().map(ToString::to_string).collect();
        let params = UnsubscribeParams { spaces: ids.iter().map(String::as_str).collect() };
        self.notify(method::UNSUBSCRIBE, &params).await
    }
}

fn entry<'a>(watch: &'a Watch, id: &'a str) -> SubscribeEntry<'a> {
    SubscribeEntry {
        id,
        since: watch.since.get(),
        ucan: watch.ucan.as_deref(),
        token: None,
        presence: watch.presence,
        catchup: watch.catchup,
        home_server: None,
    }
}

fn subscribed(response: &Response) -> Result<Subscribed, CallError> {
    let result: SubscribeResult<'_> = response.decode()?;
    let spaces = result.spaces.iter().map(|state| watched(state, response)).collect::<Result<_, _>>()?;
    let rejected = result.errors.iter().map(|error| Ok((space(error.space)?, Code::from(error.error))));
    Ok(Subscribed { spaces, rejected: rejected.collect::<Result<_, CallError>>()? })
}

fn watched(state: &SpaceState<'_>, response: &Response) -> Result<WatchedSpace, CallError> {
    let peers = state.peers.iter();
    let peers = peers.map(|peer| Peer { peer: peer.peer.to_owned(), data: response.slice(peer.data) });
    Ok(WatchedSpace {
        space: space(state.id)?,
        cursor: state.cursor,
        key_generation: state.key_generation,
        rewrap_epoch: state.rewrap_epoch,
        peers: peers.collect(),
    })
}

fn space(text: &str) -> Result<SpaceId, CallError> {
    text.parse().map_err(|_| CallError::Undecodable)
}

//! Watching spaces.

use bytes::Bytes;
use less_sync_core::wire::method;
use less_sync_core::wire::subscribe::{
    SpaceState, SubscribeEntry, SubscribeParams, SubscribeResult, UnsubscribeParams,
};
use less_sync_core::{Cursor, Epoch, SpaceId};

use crate::call::Answer;
use crate::connection::Connection;
use crate::error::{CallError, Code, Ended};

/// A space to watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watch {
    /// Which.
    pub space: SpaceId,
    /// Where the device stands.
    pub since: Cursor,
    /// The right to read a shared space.
    pub ucan: Option<String>,
    /// Whether to list who is present.
    pub presence: bool,
    /// Whether to replay a small number of events after `since` (protocol §6.4).
    pub catchup: bool,
}

impl From<SpaceId> for Watch {
    fn from(space: SpaceId) -> Self {
        Self { space, since: Cursor::ZERO, ucan: None, presence: false, catchup: false }
    }
}

/// The answer to a subscription: every space is in one of the two lists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subscribed {
    /// Watched from now on.
    pub spaces: Vec<WatchedSpace>,
    /// Rejected, and why.
    pub rejected: Vec<(SpaceId, Code)>,
}

/// A space that is watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchedSpace {
    /// Which.
    pub space: SpaceId,
    /// Its cursor after the watching began.
    pub cursor: Cursor,
    /// Its key generation.
    pub key_generation: Epoch,
    /// Its pending rewrap.
    pub rewrap_epoch: Option<Epoch>,
    /// Who is present, if asked for.
    pub peers: Vec<Peer>,
}

/// Somebody present.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Pseudonym within one connection and space.
    pub peer: String,
    /// What they say about themselves.
    pub data: Bytes,
}

impl Connection {
    /// Watches spaces: their events come from now on, and none before this returns.
    ///
    /// # Errors
    /// See [`CallError`]. A rejected space is no error of the call.
    pub async fn subscribe(&self, watches: &[Watch]) -> Result<Subscribed, CallError> {
        let ids: Vec<String> = watches.iter().map(|watch| watch.space.to_string()).collect();
        let spaces = watches.iter().zip(&ids).map(|(watch, id)| entry(watch, id)).collect();
        let answer = self.call(method::SUBSCRIBE, &SubscribeParams { spaces }).await?;
        subscribed(&answer)
    }

    /// Stops watching.
    ///
    /// # Errors
    /// The connection is over.
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

fn subscribed(answer: &Answer) -> Result<Subscribed, CallError> {
    let result: SubscribeResult<'_> = answer.decode()?;
    let spaces = result.spaces.iter().map(|state| watched(state, answer)).collect::<Result<_, _>>()?;
    let rejected = result.errors.iter().map(|error| Ok((space(error.space)?, Code::from(error.error))));
    Ok(Subscribed { spaces, rejected: rejected.collect::<Result<_, CallError>>()? })
}

fn watched(state: &SpaceState<'_>, answer: &Answer) -> Result<WatchedSpace, CallError> {
    let peers = state.peers.iter();
    let peers = peers.map(|peer| Peer { peer: peer.peer.to_owned(), data: answer.slice(peer.data) });
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

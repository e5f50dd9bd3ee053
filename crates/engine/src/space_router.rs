//! Ports to the home servers of spaces that other servers hold (federation §11, §12.4, §24.2).

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use less_sync_auth::{Caller, RootKey};
use less_sync_core::wire::method::Method;
use less_sync_core::{ConnectionId, SpaceId};
use less_sync_storage::StorageError;

use crate::HomeError;
use crate::file_relay::{FileCall, FileRelayError, FileReply};
use crate::ports::EphemeralChange;
use crate::remote_rows::{RemoteDekListing, RemoteDeks, RemotePull, RemoteRows};
use crate::remote_watch::{HomePosition, RemoteWatch};

/// Call to the home server of a space, as the client sent it.
#[derive(Clone, Debug)]
pub struct RemoteCall {
    /// Method.
    pub method: Method,
    /// Encoded params: one CBOR map, unread.
    pub params: Bytes,
}

/// Undecoded result, or the failure, of a call that was handed to its home server.
pub type RemoteResponse = BoxFuture<'static, Result<Bytes, HomeError>>;

/// Home server of a space.
#[async_trait]
pub trait RemoteHome: Send + Sync {
    /// Hands a call to the home server: calls take effect there in the order of these. The response is waited for separately,
    /// so that further calls can follow.
    ///
    /// # Errors
    /// [`HomeError`] when the call was certainly not sent.
    async fn begin(&self, call: RemoteCall) -> Result<RemoteResponse, HomeError>;

    /// Begins a pull, and waits for its first chunk.
    ///
    /// # Errors
    /// [`HomeError`] of a pull without any chunk.
    async fn pull(&self, pull: RemotePull) -> Result<Box<dyn RemoteRows>, HomeError>;

    /// Begins a listing of keys.
    ///
    /// # Errors
    /// [`HomeError`] of a listing that was certainly not sent.
    async fn list_deks(&self, listing: RemoteDekListing) -> Result<Box<dyn RemoteDeks>, HomeError>;

    /// Relays a request for a file (federation §13).
    ///
    /// # Errors
    /// [`FileRelayError`]; there is no response of the home server that a client could use.
    async fn file(&self, call: FileCall) -> Result<FileReply, FileRelayError>;

    /// Subscribes at the home server on behalf of local connections, in one request, and returns the outcomes in the same order. The
    /// interest of a connection is kept until [`Self::unwatch`] if it was accepted, or if the home server is unavailable: it is
    /// then subscribed later, without the client.
    async fn watch(&self, watches: Vec<RemoteWatch>) -> Vec<Result<HomePosition, HomeError>>;

    /// Ends the interest of a local connection in a space. Never blocks; called for every departing subscriber.
    fn unwatch(&self, space: SpaceId, connection: ConnectionId);

    /// Passes presence, or an event, of a local subscriber on to the home server (federation §15). Never blocks.
    fn ephemeral(&self, change: EphemeralChange);
}

/// Shared handle of a home server.
#[derive(Clone)]
pub struct HomeHandle(Arc<dyn RemoteHome>);

impl HomeHandle {
    /// Handle of `home`.
    #[must_use]
    pub fn new(home: Arc<dyn RemoteHome>) -> Self {
        Self(home)
    }

    /// Hands a call to the home server.
    ///
    /// # Errors
    /// As [`RemoteHome::begin`].
    pub async fn begin(&self, call: RemoteCall) -> Result<RemoteResponse, HomeError> {
        self.0.begin(call).await
    }

    /// Begins a pull.
    ///
    /// # Errors
    /// As [`RemoteHome::pull`].
    pub async fn pull(&self, pull: RemotePull) -> Result<Box<dyn RemoteRows>, HomeError> {
        self.0.pull(pull).await
    }

    /// Begins a listing of keys.
    ///
    /// # Errors
    /// As [`RemoteHome::list_deks`].
    pub async fn list_deks(&self, listing: RemoteDekListing) -> Result<Box<dyn RemoteDeks>, HomeError> {
        self.0.list_deks(listing).await
    }

    /// Relays a request for a file.
    ///
    /// # Errors
    /// As [`RemoteHome::file`].
    pub async fn file(&self, call: FileCall) -> Result<FileReply, FileRelayError> {
        self.0.file(call).await
    }
}

impl HomeHandle {
    /// Subscribes on behalf of local connections, see [`RemoteHome::watch`].
    pub async fn watch(&self, watches: Vec<RemoteWatch>) -> Vec<Result<HomePosition, HomeError>> {
        self.0.watch(watches).await
    }

    /// Ends the interest of a local connection, see [`RemoteHome::unwatch`].
    pub fn unwatch(&self, space: SpaceId, connection: ConnectionId) {
        self.0.unwatch(space, connection);
    }

    /// Passes presence, or an event, of a local subscriber on, see [`RemoteHome::ephemeral`].
    pub fn ephemeral(&self, change: EphemeralChange) {
        self.0.ephemeral(change);
    }
}

impl PartialEq for HomeHandle {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for HomeHandle {}

impl fmt::Debug for HomeHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HomeHandle")
    }
}

/// Space whose home cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouteRejection {
    /// No federation, or no usable address (federation INV-9).
    Unavailable,
    /// Server that is not a trusted peer.
    Untrusted,
}

/// Search for the home of a space that has no row here. The chain is verified up to its own root: its audience is the caller.
#[derive(Clone, Copy)]
pub struct HomeQuery<'a> {
    /// Space.
    pub space: SpaceId,
    /// User of the request.
    pub caller: &'a Caller,
    /// Chain of the user.
    pub ucan: &'a str,
    /// Root key of the chain.
    pub root_key: RootKey,
    /// Home according to the client.
    pub named: Option<&'a str>,
}

/// Outcome of the search for a home.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HomeSearch {
    /// The space has a row now, by this search or by another one.
    Pinned,
    /// No server that was asked holds the space.
    Nowhere,
    /// A server that may hold the space could not be asked.
    Unavailable,
}

/// Router of spaces that other servers hold.
#[async_trait]
pub trait SpaceRouter: Send + Sync {
    /// Home server of `space`, at the stored address `home`.
    ///
    /// # Errors
    /// [`RouteRejection`]; the space is never treated as a local one.
    fn home(&self, space: SpaceId, home: &str) -> Result<HomeHandle, RouteRejection>;

    /// Returns true when requests for files are relayed.
    fn relays_files(&self) -> bool;

    /// True if `named`, the home of `space` according to the client, is another server than the one at the stored address
    /// `home`; `None`: this server (federation §11.1).
    fn contradicts(&self, space: SpaceId, named: &str, home: Option<&str>) -> bool;

    /// Searches the home of a space that has no row, and pins the route (federation §11.2). Bounded to about ten seconds.
    ///
    /// # Errors
    /// Failures of the database.
    async fn find(&self, query: HomeQuery<'_>) -> Result<HomeSearch, StorageError>;
}

/// Router of a server without federation (federation INV-9).
#[derive(Clone, Copy, Debug, Default)]
pub struct LocalOnly;

#[async_trait]
impl SpaceRouter for LocalOnly {
    fn home(&self, _space: SpaceId, _home: &str) -> Result<HomeHandle, RouteRejection> {
        Err(RouteRejection::Unavailable)
    }

    fn relays_files(&self) -> bool {
        false
    }

    fn contradicts(&self, _space: SpaceId, _named: &str, _home: Option<&str>) -> bool {
        false
    }

    async fn find(&self, _query: HomeQuery<'_>) -> Result<HomeSearch, StorageError> {
        Ok(HomeSearch::Nowhere)
    }
}

impl fmt::Debug for HomeQuery<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HomeQuery").field("space", &self.space).finish_non_exhaustive()
    }
}

//! Space, keys and connections of a command that works on files.

use less_sync_client::crypto::KeyRing;
use less_sync_client::{Access, AccessToken, Change, FileClient, PushError, PushOptions, RemoteFile};
use less_sync_core::{Cursor, Epoch, FileId};

use crate::failure::Failure;
use crate::target::{SpaceArgument, SpaceConnection, Target};

/// Space with its keys, its WebSocket connection and the client for file routes.
pub(super) struct FileSession<'t> {
    target: &'t Target,
    pub(super) opened: SpaceConnection,
    files: FileClient,
}

impl<'t> FileSession<'t> {
    /// Opens the named space, or the personal one.
    pub(super) async fn open(target: &'t Target, argument: &SpaceArgument) -> Result<Self, Failure> {
        let opened = target.open(argument).await?;
        let files = FileClient::new(target.url.base()).map_err(Failure::usage)?;
        Ok(Self { target, opened, files })
    }

    /// Stored keys of the space.
    pub(super) fn keys(&self) -> &KeyRing {
        self.opened.keys.ring()
    }

    /// Epoch to write under, after fetching its key; the first call creates the key of a personal space.
    pub(super) async fn writing_epoch(&mut self) -> anyhow::Result<Epoch> {
        self.opened.keys.prepare_writing(&self.opened.connection).await
    }

    /// Fetches the key of `epoch` unless it is stored already; returns whether it is stored now.
    pub(super) async fn fetch_key(&mut self, epoch: Epoch) -> anyhow::Result<bool> {
        self.opened.keys.fetch_key(&self.opened.connection, epoch).await
    }

    /// Access token for one request, requested anew because requests may outlive a token.
    pub(super) async fn token(&self) -> anyhow::Result<AccessToken> {
        let token = match self.opened.keys.shared() {
            Some(shared) => self.target.token_of(&shared.identity).await.map(|(token, _)| token),
            None => Ok(self.target.token_source().map_err(Failure::into_error)?.token_and_space().await?.0),
        };
        token.map_err(Failure::into_error)
    }

    pub(super) fn file<'a>(&'a self, token: &'a AccessToken, id: FileId) -> RemoteFile<'a> {
        self.files.file(token, self.access(), id)
    }

    /// Writes or deletes one record.
    pub(super) async fn push(&self, change: Change, epoch: Option<Epoch>) -> Result<Cursor, PushError> {
        let ucan = self.access().ucan.map(str::to_owned);
        let epoch = epoch.filter(|_| ucan.is_some());
        let options = PushOptions { ucan, epoch };
        self.opened.connection.push_with(self.opened.space, &[change], &options).await
    }

    fn access(&self) -> Access<'_> {
        self.opened.keys.access()
    }

    /// Closes the connection and returns `outcome`.
    pub(super) async fn close<T>(self, outcome: Result<T, Failure>) -> Result<T, Failure> {
        self.opened.connection.close().await;
        outcome
    }
}

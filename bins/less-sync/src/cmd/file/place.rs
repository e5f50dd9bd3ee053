//! Where files are: a space, its keys, and both ways to the server.

use anyhow::anyhow;
use less_sync_client::crypto::KeyRing;
use less_sync_client::{Access, AccessToken, Change, FileClient, PushError, PushOptions, RemoteFile};
use less_sync_core::{Cursor, Epoch, FileId};

use crate::report::Failure;
use crate::target::{Opened, SpaceArgument, Target};

/// A space whose files we can work with.
pub(super) struct Place<'t> {
    target: &'t Target,
    pub(super) opened: Opened,
    /// Of a personal space; those of a shared one are with it.
    personal: KeyRing,
    files: FileClient,
}

impl<'t> Place<'t> {
    /// The shared space that was asked for, or the personal one.
    pub(super) async fn open(target: &'t Target, asked: &SpaceArgument) -> Result<Self, Failure> {
        let opened = target.open(asked).await?;
        let keys = target.key_directory()?;
        if opened.shared.is_none() {
            let (_, personal) = target.token_source()?.token_and_space().await?;
            if personal.is_some_and(|personal| personal != opened.space) {
                let path = keys.path().display();
                return Err(Failure::usage(anyhow!(
                    "the space {} is not among the keys in {path}",
                    opened.space
                )));
            }
        }
        let files = FileClient::new(target.url.base()).map_err(Failure::usage)?;
        let personal = keys.personal(opened.space)?;
        Ok(Self { target, opened, personal, files })
    }

    /// The keys that we have.
    pub(super) fn keys(&self) -> &KeyRing {
        match &self.opened.shared {
            Some(shared) => &shared.membership().keys,
            None => &self.personal,
        }
    }

    /// The epoch to write under, with its key; a personal space gets one the first time.
    pub(super) async fn writing_epoch(&mut self) -> anyhow::Result<Epoch> {
        if let Some(shared) = &mut self.opened.shared {
            return shared.catch_up(&self.opened.connection).await;
        }
        let keys = self.target.key_directory().and_then(|keys| keys.personal_or_new(self.opened.space));
        self.personal = keys.map_err(Failure::into_error)?;
        Ok(Epoch::FIRST)
    }

    /// Whether we have the key of `epoch` now.
    pub(super) async fn learn(&mut self, epoch: Epoch) -> anyhow::Result<bool> {
        match &mut self.opened.shared {
            Some(shared) => shared.learn(&self.opened.connection, epoch).await,
            None => Ok(self.personal.key(epoch).is_ok()),
        }
    }

    /// A token that is good for a request.
    pub(super) async fn token(&self) -> anyhow::Result<AccessToken> {
        let token = match &self.opened.shared {
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
        let epoch = epoch.filter(|_| ucan.is_some()).map(Epoch::get);
        let options = PushOptions { ucan, epoch };
        self.opened.connection.push_with(self.opened.space, &[change], &options).await
    }

    fn access(&self) -> Access<'_> {
        match &self.opened.shared {
            Some(shared) => shared.membership().access(),
            None => self.opened.space.into(),
        }
    }

    /// Says goodbye, and passes on what became of the work.
    pub(super) async fn close<T>(self, outcome: Result<T, Failure>) -> Result<T, Failure> {
        self.opened.connection.close().await;
        outcome
    }
}

//! Ports of the home router that a test does not look at.

use bytes::Bytes;
use std::time::Duration;

use async_trait::async_trait;
use less_sync_core::{Cursor, MailboxId, PeerId, SpaceId};
use less_sync_engine::ports::{EphemeralChange, PeerName};
use less_sync_engine::{HomeChange, HomeEvents, HomePosition};
use less_sync_storage::{
    HomeHint, HomeHints, HomeRouteError, HomeRoutes, HomeServer, NewStub, Row, StorageError, StubOutcome,
};

/// Database that these tests do not use.
pub(crate) struct NoStore;

#[async_trait]
impl HomeRoutes for NoStore {
    async fn home_server(&self, _: SpaceId) -> Result<Option<String>, StorageError> {
        Err(StorageError::SpaceNotFound)
    }

    async fn set_home_server(
        &self,
        _: SpaceId,
        _: Option<&HomeServer>,
        _: bool,
    ) -> Result<(), HomeRouteError> {
        Err(HomeRouteError::SpaceNotFound)
    }

    async fn create_stub(&self, _: &NewStub) -> Result<StubOutcome, StorageError> {
        Err(StorageError::SpaceNotFound)
    }

    async fn delete_stub(&self, _: SpaceId) -> Result<(), HomeRouteError> {
        Err(HomeRouteError::SpaceNotFound)
    }

    async fn note_interest(&self, _: &[SpaceId]) -> Result<(), StorageError> {
        Ok(())
    }

    async fn delete_idle_stubs(&self, _: Duration, _: usize) -> Result<usize, StorageError> {
        Ok(0)
    }
}

#[async_trait]
impl HomeHints for NoStore {
    async fn add_home_hint(&self, _: MailboxId, _: &HomeHint, _: Duration) -> Result<(), StorageError> {
        Ok(())
    }

    async fn home_hints(&self, _: MailboxId) -> Result<Vec<HomeHint>, StorageError> {
        Ok(Vec::new())
    }

    async fn delete_home_hints_of(&self, _: &PeerId) -> Result<u64, StorageError> {
        Ok(0)
    }

    async fn purge_home_hints(&self, _: usize) -> Result<usize, StorageError> {
        Ok(0)
    }
}

/// Receiver of events that these tests do not look at.
pub(crate) struct NoEvents;

impl HomeEvents for NoEvents {
    fn delivered(&self, _: SpaceId) -> Option<Cursor> {
        None
    }

    fn changed(&self, _: SpaceId, _: HomeChange) {}

    fn catching_up(&self, _: SpaceId) {}

    fn rows(&self, _: SpaceId, _: HomePosition, _: &[Row]) {}

    fn caught_up(&self, _: SpaceId, _: HomePosition) -> bool {
        false
    }

    fn hint(&self, _: SpaceId, _: HomePosition) {}

    fn rewound(&self, _: SpaceId, _: HomePosition) {}

    fn revoked(&self, _: SpaceId) {}

    fn resubscribe(&self, _: SpaceId) {}

    fn ephemeral(&self, _: &EphemeralChange) {}

    fn present(&self, _: SpaceId, _: Vec<(PeerName, Bytes)>) {}

    fn local_presence(&self, _: SpaceId) -> Vec<EphemeralChange> {
        Vec::new()
    }
}

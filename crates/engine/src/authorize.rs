//! The space gate: who may do what in which space (auth §1.2, §4.1; protocol §4.1).

use std::collections::HashSet;
use std::sync::Arc;

use less_sync_auth::Caller;
use less_sync_core::SpaceId;
use less_sync_storage::{ReadGrant, Space, Spaces, WriteGrant};
use parking_lot::RwLock;

use crate::EngineError;

/// Decides about access to spaces, and is the only one that makes grants.
pub(crate) struct Authorizer<S: ?Sized> {
    storage: Arc<S>,
    known: KnownPersonal,
}

impl<S: Spaces + ?Sized> Authorizer<S> {
    pub(crate) fn new(storage: Arc<S>) -> Self {
        Self { storage, known: KnownPersonal::default() }
    }

    /// The right to read `space`.
    pub(crate) async fn read(&self, caller: &Caller, space: SpaceId) -> Result<ReadGrant, EngineError> {
        self.admit(caller, space).await?;
        Ok(vouch_read(space))
    }

    /// The right to write `space`.
    pub(crate) async fn write(&self, caller: &Caller, space: SpaceId) -> Result<WriteGrant, EngineError> {
        self.admit(caller, space).await?;
        Ok(vouch_write(space))
    }

    /// The state of `space`, for somebody who may read it.
    pub(crate) async fn state(&self, caller: &Caller, space: SpaceId) -> Result<Space, EngineError> {
        if caller.personal_space != Some(space) {
            return Err(EngineError::Forbidden);
        }
        let state = self.storage.personal_space(space, &caller.client_id).await?;
        self.known.remember(space);
        Ok(state)
    }

    /// The caller's own personal space, created on first touch (auth §4.1 rule 2). Everything else is refused,
    /// known or not, with the same answer (auth S-24).
    async fn admit(&self, caller: &Caller, space: SpaceId) -> Result<(), EngineError> {
        if caller.personal_space == Some(space) && self.known.contains(space) {
            return Ok(());
        }
        self.state(caller, space).await.map(drop)
    }
}

/// Personal spaces whose row was seen. A personal row never becomes a shared one (storage P19), so what was true
/// once stays true and costs no read per request. Bounded: it forgets everything when full.
#[derive(Default)]
struct KnownPersonal(RwLock<HashSet<SpaceId>>);

impl KnownPersonal {
    const CAPACITY: usize = 65_536;

    fn contains(&self, space: SpaceId) -> bool {
        self.0.read().contains(&space)
    }

    fn remember(&self, space: SpaceId) {
        if self.contains(space) {
            return;
        }
        let mut known = self.0.write();
        if known.len() >= Self::CAPACITY {
            known.clear();
        }
        known.insert(space);
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the authorizer")]
fn vouch_read(space: SpaceId) -> ReadGrant {
    ReadGrant::vouch(space)
}

#[expect(clippy::disallowed_methods, reason = "this is the authorizer")]
fn vouch_write(space: SpaceId) -> WriteGrant {
    WriteGrant::vouch(space)
}

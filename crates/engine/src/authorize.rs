//! The space gate: who may do what in which space (auth §1.2, §4.1, §6; protocol §4.1).
//!
//! Revocations are not looked up here: the grants carry the cids of the chain, and whatever reads or writes the space
//! looks them up in the same transaction (storage T12).

mod admission;
mod file_gate;

use std::sync::Arc;

use less_sync_auth::Caller;
use less_sync_auth::RootKey;
use less_sync_auth::rights::{Access, rights};
use less_sync_auth::ucan::{Audience, Expectations};
use less_sync_core::{Permission, SpaceId};
use less_sync_storage::{Space, SpaceKind, Spaces};

use crate::known_spaces::{KnownSpaces, Opening};
use crate::ports::Clock;
use crate::{Credentials, EngineError, VerifiedChains};
pub(crate) use admission::Admission;

/// Decides about access to spaces, and is the only one that makes grants.
pub(crate) struct Authorizer {
    spaces: Arc<dyn Spaces>,
    clock: Arc<dyn Clock>,
    chains: VerifiedChains,
    known: KnownSpaces,
}

/// A space as the gate sees it.
struct Gate {
    opening: Opening,
    /// Another server holds it.
    is_remote: bool,
}

impl Authorizer {
    pub(crate) fn new(spaces: Arc<dyn Spaces>, clock: Arc<dyn Clock>) -> Self {
        Self { spaces, clock, chains: VerifiedChains::default(), known: KnownSpaces::default() }
    }

    /// Lets somebody into `space` who may call `method` there, in the order of protocol §4.1. Costs no round trip when
    /// the space was seen lately.
    ///
    /// # Errors
    /// [`EngineError::Forbidden`]; [`EngineError::UnknownSpace`]; [`EngineError::HomeUnavailable`]; storage failures,
    /// which are no rejection (protocol D-29).
    pub(crate) async fn admit(
        &self,
        method: &str,
        credentials: Credentials<'_>,
        space: SpaceId,
    ) -> Result<Admission, EngineError> {
        let required = required(method)?;
        if credentials.caller.personal_space == Some(space) {
            self.touch(credentials.caller, space).await?;
            return Ok(Admission::owner(space));
        }
        let Some(gate) = self.gate(space).await? else { return Err(self.missing(credentials, space)) };
        let Opening::Chain(root_key) = gate.opening else { return Err(EngineError::Forbidden) };
        let admission = self.verify(credentials, space, required, root_key)?;
        if gate.is_remote { Err(EngineError::HomeUnavailable) } else { Ok(admission) }
    }

    /// The state of the caller's own personal space, which is created on first touch (auth §4.1 rule 2).
    pub(crate) async fn own_space(&self, caller: &Caller, space: SpaceId) -> Result<Space, EngineError> {
        let state = self.spaces.personal_space(space, &caller.client_id).await?;
        self.known.remember(space, Opening::Personal, self.clock.instant());
        Ok(state)
    }

    async fn touch(&self, caller: &Caller, space: SpaceId) -> Result<(), EngineError> {
        if self.known.get(space, self.clock.instant()) == Some(Opening::Personal) {
            return Ok(());
        }
        self.own_space(caller, space).await.map(drop)
    }

    /// How `space` is opened, if there is one. Only spaces that are here are remembered.
    async fn gate(&self, space: SpaceId) -> Result<Option<Gate>, EngineError> {
        let now = self.clock.instant();
        if let Some(opening) = self.known.get(space, now) {
            return Ok(Some(Gate { opening, is_remote: false }));
        }
        let Some(found) = self.spaces.spaces(&[space]).await?.pop() else { return Ok(None) };
        let (opening, is_remote) = (opening(&found.kind), found.home_server.is_some());
        if !is_remote {
            self.known.remember(space, opening, now);
        }
        Ok(Some(Gate { opening, is_remote }))
    }

    fn verify(
        &self,
        credentials: Credentials<'_>,
        space: SpaceId,
        permission: Permission,
        root_key: RootKey,
    ) -> Result<Admission, EngineError> {
        let (ucan, did) = credentials.chain().ok_or(EngineError::Forbidden)?;
        let expected = Expectations { audience: Audience::Caller(did), permission, space, root_key };
        let chain = self.chains.verify(ucan, &expected, self.clock.now()).map_err(|rejection| {
            tracing::debug!(class = rejection.class(), "a chain was rejected");
            EngineError::Forbidden
        })?;
        Admission::member(chain, permission)
    }

    /// What to say of a space that is not there. Whoever holds a chain of their own for an id that nobody can guess is
    /// told so: on a rejection clients destroy what they have, and a server that lost a space must not cause that
    /// (auth S-24).
    fn missing(&self, credentials: Credentials<'_>, space: SpaceId) -> EngineError {
        let is_own_chain = |(ucan, did)| {
            let now = self.clock.now();
            self.chains.verify_to_own_root(ucan, Audience::Caller(did), space, now).is_ok()
        };
        if !space.is_derived() && credentials.chain().is_some_and(is_own_chain) {
            EngineError::UnknownSpace
        } else {
            EngineError::Forbidden
        }
    }
}

/// The level that `method` asks for in a space (auth §10). A method that asks for none admits nobody.
fn required(method: &str) -> Result<Permission, EngineError> {
    match rights(method).map(|rights| rights.access) {
        Some(Access::Space(permission)) => Ok(permission),
        Some(Access::Connection | Access::OwnMailbox | Access::Subscription) | None => {
            Err(EngineError::Forbidden)
        }
    }
}

fn opening(kind: &SpaceKind) -> Opening {
    match kind {
        SpaceKind::Personal => Opening::Personal,
        SpaceKind::Shared { root_public_key } => {
            RootKey::try_from(&root_public_key[..]).map_or(Opening::Personal, Opening::Chain)
        }
    }
}

#[cfg(test)]
mod tests;

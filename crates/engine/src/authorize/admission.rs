//! Somebody who was let into a space.

use std::sync::Arc;

use less_sync_auth::ucan::VerifiedChain;
use less_sync_core::{Permission, SpaceId};
use less_sync_storage::{AdminGrant, ProofChain, ReadGrant, WriteGrant};

use crate::EngineError;

/// A caller who may do what was asked of them in one space. Only the authorizer makes one, and only one of these makes
/// grants.
#[derive(Clone, Debug)]
pub(crate) struct Admission {
    space: SpaceId,
    /// What they were admitted for.
    admitted: Permission,
    /// None for the owner of a personal space.
    chain: Option<Chain>,
}

#[derive(Clone, Debug)]
struct Chain {
    verified: Arc<VerifiedChain>,
    proof: ProofChain,
}

impl Admission {
    /// The owner of the personal space `space`, who may do everything there.
    pub(super) fn owner(space: SpaceId) -> Self {
        Self { space, admitted: Permission::Admin, chain: None }
    }

    /// Whoever presented `chain`, which was verified to give `admitted`.
    pub(super) fn member(chain: Arc<VerifiedChain>, admitted: Permission) -> Result<Self, EngineError> {
        let proof = ProofChain::new(chain.cids()).map_err(|_| EngineError::Forbidden)?;
        let space = chain.space();
        Ok(Self { space, admitted, chain: Some(Chain { verified: chain, proof }) })
    }

    /// The chain that it rests on; none in personal spaces.
    pub(crate) fn chain(&self) -> Option<&Arc<VerifiedChain>> {
        self.chain.as_ref().map(|chain| &chain.verified)
    }

    /// All that the caller may do in the space, asked for or not.
    pub(crate) fn permission(&self) -> Permission {
        self.chain().map_or(Permission::Admin, |chain| chain.permission())
    }

    /// The right to read.
    pub(crate) fn reading(&self) -> Result<ReadGrant, EngineError> {
        self.covers(Permission::Read)?;
        Ok(self.grant(issue::read, issue::read_shared))
    }

    /// The right to write, for those who were admitted for it.
    pub(crate) fn writing(&self) -> Result<WriteGrant, EngineError> {
        self.covers(Permission::Write)?;
        Ok(self.grant(issue::write, issue::write_shared))
    }

    /// The right to administer, for those who were admitted for it.
    pub(crate) fn administering(&self) -> Result<AdminGrant, EngineError> {
        self.covers(Permission::Admin)?;
        Ok(self.grant(issue::admin, issue::admin_shared))
    }

    /// What is asked of a method and what its use case does can only differ by mistake; then nothing is done.
    fn covers(&self, needed: Permission) -> Result<(), EngineError> {
        if self.admitted.covers(needed) { Ok(()) } else { Err(EngineError::Forbidden) }
    }

    fn grant<G>(&self, personal: fn(SpaceId) -> G, shared: fn(SpaceId, ProofChain) -> G) -> G {
        match &self.chain {
            None => personal(self.space),
            Some(chain) => shared(self.space, chain.proof.clone()),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the authorizer")]
mod issue {
    use super::{AdminGrant, ProofChain, ReadGrant, SpaceId, WriteGrant};

    pub(super) fn read(space: SpaceId) -> ReadGrant {
        ReadGrant::issue(space)
    }

    pub(super) fn read_shared(space: SpaceId, chain: ProofChain) -> ReadGrant {
        ReadGrant::issue_shared(space, chain)
    }

    pub(super) fn write(space: SpaceId) -> WriteGrant {
        WriteGrant::issue(space)
    }

    pub(super) fn write_shared(space: SpaceId, chain: ProofChain) -> WriteGrant {
        WriteGrant::issue_shared(space, chain)
    }

    pub(super) fn admin(space: SpaceId) -> AdminGrant {
        AdminGrant::issue(space)
    }

    pub(super) fn admin_shared(space: SpaceId, chain: ProofChain) -> AdminGrant {
        AdminGrant::issue_shared(space, chain)
    }
}

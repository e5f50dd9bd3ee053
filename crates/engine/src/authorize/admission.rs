//! Result of a successful authorization in one space; source of the grants for the store.

use std::sync::Arc;

use less_sync_auth::ucan::VerifiedChain;
use less_sync_core::{Cid, Permission, SpaceId};
use less_sync_storage::{AdminGrant, Flow, ProofChain, ReadGrant, WriteGrant};

use crate::{EngineError, Rule, SubscriptionProof};

/// Authorization of a caller for one operation in one space. Constructed by the authorizer only.
#[derive(Clone, Debug)]
pub(crate) struct Admission {
    space: SpaceId,
    /// Permission that was required and granted.
    admitted: Permission,
    /// `None` for the owner of a personal space.
    chain: Option<Chain>,
    /// Flow of the caller.
    flow: Flow,
}

#[derive(Clone, Debug)]
struct Chain {
    /// `None` behind a subscribe token.
    verified: Option<Arc<VerifiedChain>>,
    proof: ProofChain,
}

impl Admission {
    /// Full rights of the owner of the personal space `space`.
    pub(super) fn owner(space: SpaceId, flow: Flow) -> Self {
        Self { space, admitted: Permission::Admin, chain: None, flow }
    }

    /// Rights of the holder of `chain`, which was verified to grant `admitted`.
    pub(super) fn member(
        chain: Arc<VerifiedChain>,
        admitted: Permission,
        flow: Flow,
    ) -> Result<Self, EngineError> {
        let proof = ProofChain::new(chain.cids()).map_err(|_| EngineError::Forbidden(Rule::ChainLength))?;
        let space = chain.space();
        Ok(Self { space, admitted, chain: Some(Chain { verified: Some(chain), proof }), flow })
    }

    /// Right to read on behalf of subscribers that are authorized.
    pub(super) fn subscribers(space: SpaceId) -> ReadGrant {
        issue::read(space)
    }

    /// Right to read of the server that presents `token` (federation §10.3, RP-8).
    pub(super) fn renewed(
        token: &SubscriptionProof,
        space: SpaceId,
        required: Permission,
        flow: Flow,
    ) -> Result<Self, EngineError> {
        if token.space != space || required != Permission::Read {
            return Err(EngineError::Forbidden(Rule::SubscribeToken));
        }
        // A token of the first version names no chain, of which a token could be revoked.
        let unknown = [Cid::from_bytes([0; 32])];
        let cids = if token.cids.is_empty() { &unknown } else { &token.cids[..] };
        let proof = ProofChain::new(cids).map_err(|_| EngineError::Forbidden(Rule::ChainLength))?;
        Ok(Self { space, admitted: required, chain: Some(Chain { verified: None, proof }), flow })
    }

    /// Verified chain behind the authorization; `None` in personal spaces, and for a subscribe token.
    pub(crate) fn chain(&self) -> Option<&Arc<VerifiedChain>> {
        self.chain.as_ref()?.verified.as_ref()
    }

    /// Highest permission of the caller in the space, which may exceed the required one.
    pub(crate) fn permission(&self) -> Permission {
        match &self.chain {
            None => Permission::Admin,
            Some(Chain { verified, .. }) => {
                verified.as_ref().map_or(self.admitted, |chain| chain.permission())
            }
        }
    }

    /// Grant for reading.
    pub(crate) fn reading(&self) -> Result<ReadGrant, EngineError> {
        self.covers(Permission::Read)?;
        Ok(self.grant(issue::read, issue::read_shared).in_flow(self.flow))
    }

    /// Grant for writing; an error unless writing was authorized.
    pub(crate) fn writing(&self) -> Result<WriteGrant, EngineError> {
        self.covers(Permission::Write)?;
        Ok(self.grant(issue::write, issue::write_shared).in_flow(self.flow))
    }

    /// Grant for administration; an error unless administration was authorized.
    pub(crate) fn administering(&self) -> Result<AdminGrant, EngineError> {
        self.covers(Permission::Admin)?;
        Ok(self.grant(issue::admin, issue::admin_shared).in_flow(self.flow))
    }

    /// Guards against a use case that requests a stronger grant than the row of its method requires.
    fn covers(&self, needed: Permission) -> Result<(), EngineError> {
        if self.admitted.covers(needed) { Ok(()) } else { Err(EngineError::Forbidden(Rule::Permission)) }
    }

    fn grant<G>(&self, personal: fn(SpaceId) -> G, shared: fn(SpaceId, ProofChain) -> G) -> G {
        match &self.chain {
            None => personal(self.space),
            Some(chain) => shared(self.space, chain.proof.clone()),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the authorizer issues grants")]
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

//! Authorization of operations in a space (auth §1.2, §4.1, §6; protocol §4.1).
//!
//! Revocations are not looked up here: the grants carry the CIDs of the chain, and the transaction that reads or writes
//! the space looks them up (storage T12).

mod admission;
mod file_gate;

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;

use less_sync_auth::Caller;
use less_sync_auth::RootKey;
use less_sync_auth::rights::Access;
use less_sync_auth::ucan::{Audience, Expectations, UcanError};
use less_sync_core::wire::method::Method;
use less_sync_core::{Permission, SpaceId};
use less_sync_storage::{Flow, Space, SpaceKind, Spaces};

use crate::chain_cache::{ChainCache, LookUp};
use crate::owners::Owners;
use crate::ports::Clock;
use crate::space_cache::{AccessMode, SpaceCache};
use crate::verification::{Signatures, Turns};
use crate::{Credentials, EngineError};
pub(crate) use admission::Admission;

/// Authorizes operations in spaces; the only source of grants.
pub(crate) struct Authorizer {
    spaces: Arc<dyn Spaces>,
    clock: Arc<dyn Clock>,
    chains: ChainCache,
    turns: Turns,
    space_cache: SpaceCache,
    /// Keyed by chance, so that no user can choose an id that shares the flow of another one.
    flows: RandomState,
    owners: Owners,
}

/// Access rule of a space.
struct SpaceRule {
    mode: AccessMode,
    /// Another server is the home of the space.
    is_remote: bool,
}

impl Authorizer {
    pub(crate) fn new(spaces: Arc<dyn Spaces>, clock: Arc<dyn Clock>, owners: Owners) -> Self {
        Self {
            spaces,
            clock,
            chains: ChainCache::default(),
            turns: Turns::default(),
            space_cache: SpaceCache::default(),
            flows: RandomState::new(),
            owners,
        }
    }

    /// Authorizes a call of `method` in `space`, with the checks in the order of protocol §4.1. Makes no round trip to the
    /// store while the access rule of the space is cached.
    ///
    /// # Errors
    /// [`EngineError::Forbidden`]; [`EngineError::UnknownSpace`]; [`EngineError::HomeUnavailable`]; storage failures,
    /// which are not rejections (protocol D-29).
    pub(crate) async fn admit(
        &self,
        method: Method,
        credentials: Credentials<'_>,
        space: SpaceId,
    ) -> Result<Admission, EngineError> {
        let required = required(method)?;
        if credentials.caller.personal_space == Some(space) {
            self.touch(credentials.caller, space).await?;
            return Ok(Admission::owner(space, self.flow(credentials.caller)));
        }
        let Some(rule) = self.rule(space).await? else { return Err(self.missing(credentials, space).await) };
        let AccessMode::Chain(root_key) = rule.mode else { return Err(EngineError::Forbidden) };
        // The chain is verified even for a remote space: only its members may learn that another server is its home.
        let admission = self.verify(credentials, space, required, root_key).await?;
        if rule.is_remote { Err(EngineError::HomeUnavailable) } else { Ok(admission) }
    }

    /// The state of the caller's own personal space, which is created on first touch (auth §4.1 rule 2).
    pub(crate) async fn own_space(&self, caller: &Caller, space: SpaceId) -> Result<Space, EngineError> {
        let state = self.spaces.personal_space(space, &caller.client_id, self.owners.of(caller)).await?;
        self.space_cache.insert(space, AccessMode::Personal, self.clock.instant());
        Ok(state)
    }

    async fn touch(&self, caller: &Caller, space: SpaceId) -> Result<(), EngineError> {
        if self.space_cache.get(space, self.clock.instant()) == Some(AccessMode::Personal) {
            return Ok(());
        }
        self.own_space(caller, space).await.map(drop)
    }

    /// Access rule of `space`; `None` if the space is unknown. Only rules of local spaces are cached: an
    /// absent space can be created, and a remote one can move, without an invalidation of this cache.
    async fn rule(&self, space: SpaceId) -> Result<Option<SpaceRule>, EngineError> {
        let now = self.clock.instant();
        if let Some(mode) = self.space_cache.get(space, now) {
            return Ok(Some(SpaceRule { mode, is_remote: false }));
        }
        let Some(found) = self.spaces.spaces(&[space]).await?.pop() else { return Ok(None) };
        let (mode, is_remote) = (access_mode(&found.kind), found.home_server.is_some());
        if !is_remote {
            self.space_cache.insert(space, mode, now);
        }
        Ok(Some(SpaceRule { mode, is_remote }))
    }

    async fn verify(
        &self,
        credentials: Credentials<'_>,
        space: SpaceId,
        permission: Permission,
        root_key: RootKey,
    ) -> Result<Admission, EngineError> {
        let (ucan, did) = credentials.chain().ok_or(EngineError::Forbidden)?;
        let expected = Expectations { audience: Audience::Caller(did), permission, space, root_key };
        let now = self.clock.now();
        let verified = match self.chains.look_up(ucan, &expected, now) {
            LookUp::Decided(result) => result,
            LookUp::Missing(key) => {
                let slice =
                    |signatures: &mut Signatures| self.chains.verify(&key, ucan, &expected, now, signatures);
                self.in_turn(credentials, slice).await
            }
        };
        let chain = verified.map_err(|_rejected| EngineError::Forbidden)?;
        Admission::member(chain, permission, self.flow(credentials.caller))
    }

    /// Runs a verification in the turn of the caller, and counts it if it fails at the cost of signatures.
    async fn in_turn<T>(
        &self,
        credentials: Credentials<'_>,
        mut verify: impl FnMut(&mut Signatures) -> Result<T, UcanError>,
    ) -> Result<T, UcanError> {
        let slice = |signatures: &mut Signatures| {
            let result = verify(signatures);
            signatures.finished((result, signatures.has_computed()))
        };
        let (result, has_computed) = self.turns.run(credentials.caller, slice).await;
        if let Err(rejection) = &result {
            tracing::debug!(class = rejection.class(), "UCAN chain rejected");
            if let Some(failed) = credentials.failed.filter(|_| has_computed) {
                failed.add(self.clock.instant());
            }
        }
        result
    }

    /// Flow of everything that this user does, whatever the space, the app or the connection.
    fn flow(&self, caller: &Caller) -> Flow {
        Flow::new(self.flows.hash_one((&caller.issuer, &caller.user_id)))
    }

    /// Error for an unknown space. A caller with a valid chain for an id that cannot be guessed gets
    /// [`EngineError::UnknownSpace`] instead of a rejection: clients delete their local data on a rejection, and a server
    /// that lost a space must not cause that (auth S-24).
    async fn missing(&self, credentials: Credentials<'_>, space: SpaceId) -> EngineError {
        let Some((ucan, did)) = credentials.chain().filter(|_| !space.is_derived()) else {
            return EngineError::Forbidden;
        };
        let (audience, now) = (Audience::Caller(did), self.clock.now());
        let slice = |signatures: &mut Signatures| {
            self.chains.verify_to_own_root(ucan, audience, space, now, signatures)
        };
        match self.in_turn(credentials, slice).await {
            Ok(()) => EngineError::UnknownSpace,
            Err(_) => EngineError::Forbidden,
        }
    }
}

/// Permission that `method` requires in a space (auth §10). A method without an access level for spaces is forbidden.
fn required(method: Method) -> Result<Permission, EngineError> {
    match method.row().rights.access {
        Access::Space(permission) => Ok(permission),
        Access::Connection | Access::OwnMailbox | Access::Subscription => Err(EngineError::Forbidden),
    }
}

fn access_mode(kind: &SpaceKind) -> AccessMode {
    match kind {
        SpaceKind::Personal => AccessMode::Personal,
        SpaceKind::Shared { root_public_key } => {
            RootKey::try_from(&root_public_key[..]).map_or(AccessMode::Personal, AccessMode::Chain)
        }
    }
}

#[cfg(test)]
mod tests;

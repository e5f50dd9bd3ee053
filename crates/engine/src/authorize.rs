//! Authorization of operations in a space (auth §1.2, §4.1, §6; protocol §4.1).
//!
//! Revocations are not looked up here: the grants carry the CIDs of the chain, and the transaction that reads or writes
//! the space looks them up (storage T12).

mod admission;
mod file_gate;

use std::hash::RandomState;
use std::sync::Arc;

use less_sync_auth::Caller;
use less_sync_auth::RootKey;
use less_sync_auth::rights::Access;
use less_sync_auth::ucan::{Expectations, UcanError};
use less_sync_core::wire::method::Method;
use less_sync_core::{Permission, SpaceId};
use less_sync_storage::{Flow, ReadGrant, Space, SpaceKind, Spaces};

use crate::chain_cache::{ChainCache, LookUp};
use crate::owners::Owners;
use crate::ports::Clock;
use crate::space_cache::{AccessMode, SpaceCache};
use crate::space_router::{HomeHandle, HomeQuery, HomeSearch, RouteRejection, SpaceRouter};
use crate::verification::{Signatures, Turns};
use crate::{Credentials, EngineError, Presenter, Rule};
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
    router: Arc<dyn SpaceRouter>,
}

/// Access rule of a space.
struct SpaceRule {
    mode: AccessMode,
    /// Address of the server that holds the space; `None`: this one.
    home: Option<String>,
}

impl Authorizer {
    pub(crate) fn new(
        spaces: Arc<dyn Spaces>,
        clock: Arc<dyn Clock>,
        owners: Owners,
        router: Arc<dyn SpaceRouter>,
    ) -> Self {
        Self {
            spaces,
            clock,
            chains: ChainCache::default(),
            turns: Turns::default(),
            space_cache: SpaceCache::default(),
            flows: RandomState::new(),
            owners,
            router,
        }
    }

    /// Authorizes a call of `method` in `space`, with the checks in the order of protocol §4.1. Makes no round trip to the
    /// store while the access rule of the space is cached.
    ///
    /// # Errors
    /// [`EngineError::Forbidden`]; [`EngineError::UnknownSpace`]; [`EngineError::Remote`] for a space that another server
    /// holds, [`EngineError::HomeUnavailable`] or [`EngineError::HomeUntrusted`] when that cannot be used,
    /// [`EngineError::HomeConflict`] when the client names another one; storage failures, which are not rejections
    /// (protocol D-29).
    pub(crate) async fn admit(
        &self,
        method: Method,
        credentials: Credentials<'_>,
        space: SpaceId,
    ) -> Result<Admission, EngineError> {
        match self.admit_anywhere(method, credentials, space).await? {
            (admission, None) => Ok(admission),
            (_, Some(home)) => Err(EngineError::Remote(home)),
        }
    }

    /// As [`Self::admit`], with the home of a space that another server holds beside the authorization.
    ///
    /// # Errors
    /// As [`Self::admit`], except [`EngineError::Remote`].
    pub(crate) async fn admit_anywhere(
        &self,
        method: Method,
        credentials: Credentials<'_>,
        space: SpaceId,
    ) -> Result<(Admission, Option<HomeHandle>), EngineError> {
        let required = required(method)?;
        if let Some(owner) = credentials.owner_of(space) {
            self.touch(owner, space).await?;
            return Ok((Admission::owner(space, self.flow(credentials.presenter)), None));
        }
        let rule = match self.rule(space).await? {
            Some(rule) => rule,
            None => self.found(credentials, space).await?,
        };
        let AccessMode::Chain(root_key) = rule.mode else {
            return Err(EngineError::Forbidden(Rule::ForeignPersonalSpace));
        };
        // No transit (federation INV-5), and no difference to a space that is nowhere.
        if rule.home.is_some() && credentials.presenter.user().is_none() {
            return Err(EngineError::Forbidden(Rule::RemoteSpace));
        }
        if let Some(token) = credentials.token {
            let admission = Admission::renewed(token, space, required, self.flow(credentials.presenter))?;
            return Ok((admission, None));
        }
        // The chain is verified even for a remote space: only its members may learn that another server is its home, and no
        // request with the chain of another member is forwarded (federation RT-4).
        let admission = self.verify(credentials, space, required, root_key).await?;
        let named = credentials.home.filter(|_| credentials.presenter.user().is_some());
        if named.is_some_and(|named| self.router.contradicts(space, named, rule.home.as_deref())) {
            return Err(EngineError::HomeConflict);
        }
        match rule.home {
            None => Ok((admission, None)),
            Some(home) => Ok((admission, Some(self.remote(space, &home)?))),
        }
    }

    /// Right to read changes of `space` on behalf of its subscribers, each of whom is authorized already.
    pub(crate) fn subscribers(space: SpaceId) -> ReadGrant {
        Admission::subscribers(space)
    }

    /// Home of a space.
    ///
    /// # Errors
    /// The reason why it cannot be used: a remote space never counts as a local one (federation INV-9).
    fn remote(&self, space: SpaceId, home: &str) -> Result<HomeHandle, EngineError> {
        self.router.home(space, home).map_err(|rejection| match rejection {
            RouteRejection::Unavailable => EngineError::HomeUnavailable,
            RouteRejection::Untrusted => EngineError::HomeUntrusted,
        })
    }

    /// The state of the caller's own personal space, which is created on first touch (auth §4.1 rule 2).
    pub(crate) async fn own_space(&self, caller: &Caller, space: SpaceId) -> Result<Space, EngineError> {
        let state = self.spaces.personal_space(space, &caller.client_id, self.owners.of(caller)).await?;
        self.space_cache.insert(space, AccessMode::Personal, self.clock.instant());
        Ok(state)
    }

    /// Looks the access rule of a space up anew with the next request.
    pub(crate) fn forget(&self, space: SpaceId) {
        self.space_cache.remove(space);
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
            return Ok(Some(SpaceRule { mode, home: None }));
        }
        let Some(found) = self.spaces.spaces(&[space]).await?.pop() else { return Ok(None) };
        let (mode, home) = (access_mode(&found.kind), found.home_server);
        if home.is_none() {
            self.space_cache.insert(space, mode, now);
        }
        Ok(Some(SpaceRule { mode, home }))
    }

    async fn verify(
        &self,
        credentials: Credentials<'_>,
        space: SpaceId,
        permission: Permission,
        root_key: RootKey,
    ) -> Result<Admission, EngineError> {
        let (ucan, audience) = credentials.chain().map_err(EngineError::Forbidden)?;
        let expected = Expectations { audience, permission, space, root_key };
        let now = self.clock.now();
        let verified = match self.chains.look_up(ucan, &expected, now) {
            LookUp::Decided(result) => result,
            LookUp::Missing(key) => {
                let slice =
                    |signatures: &mut Signatures| self.chains.verify(&key, ucan, &expected, now, signatures);
                self.in_turn(credentials, slice).await
            }
        };
        let chain = verified.map_err(|rejected| EngineError::Forbidden(Rule::Chain(rejected)))?;
        Admission::member(chain, permission, self.flow(credentials.presenter))
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
        let (result, has_computed) = self.turns.run(credentials.presenter, slice).await;
        if let Err(rejection) = &result {
            tracing::debug!(class = rejection.class(), "UCAN chain rejected");
            if let Some(failed) = credentials.failed.filter(|_| has_computed) {
                failed.add(self.clock.instant());
            }
        }
        result
    }

    /// Flow of everything that this user or server does, whatever the space, the app or the connection.
    fn flow(&self, presenter: Presenter<'_>) -> Flow {
        Flow::new(presenter.hash_by(&self.flows))
    }

    /// Access rule of a space without a row, whose home a search has found and pinned (federation §11.1 rows 4 and 5).
    ///
    /// # Errors
    /// A caller with a valid chain for an id that cannot be guessed gets [`EngineError::UnknownSpace`] instead of a rejection:
    /// clients delete their local data on a rejection, and a server that lost a space must not cause that (auth S-24). A server
    /// always gets a rejection (federation §9.1).
    async fn found(&self, credentials: Credentials<'_>, space: SpaceId) -> Result<SpaceRule, EngineError> {
        let query = self.query(credentials, space).await?;
        match self.router.find(query).await? {
            HomeSearch::Pinned => self.rule(space).await?.ok_or(EngineError::UnknownSpace),
            HomeSearch::Nowhere => Err(EngineError::UnknownSpace),
            HomeSearch::Unavailable => Err(EngineError::HomeUnavailable),
        }
    }

    /// Verifies the chain for a space without a row up to its own root, before any other server sees it (federation RT-1).
    async fn query<'a>(
        &self,
        credentials: Credentials<'a>,
        space: SpaceId,
    ) -> Result<HomeQuery<'a>, EngineError> {
        let (caller, ucan, audience) = match (credentials.presenter.user(), credentials.chain()) {
            (Some(caller), Ok((ucan, audience))) if !space.is_derived() => (caller, ucan, audience),
            _ => return Err(EngineError::Forbidden(Rule::UnknownSpace)),
        };
        let now = self.clock.now();
        let slice = |signatures: &mut Signatures| {
            self.chains.verify_to_own_root(ucan, audience, space, now, signatures)
        };
        match self.in_turn(credentials, slice).await {
            Ok(root_key) => Ok(HomeQuery { space, caller, ucan, root_key, named: credentials.home }),
            Err(rejected) => Err(EngineError::Forbidden(Rule::Chain(rejected))),
        }
    }
}

/// Permission that `method` requires in a space (auth §10). A method without an access level for spaces is forbidden.
fn required(method: Method) -> Result<Permission, EngineError> {
    match method.row().rights.access {
        Access::Space(permission) => Ok(permission),
        Access::Connection | Access::OwnMailbox | Access::Subscription => {
            Err(EngineError::Forbidden(Rule::Permission))
        }
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

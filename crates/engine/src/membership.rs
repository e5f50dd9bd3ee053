//! Membership log of a space and revocations (protocol §4.8–§4.10).

use less_sync_core::wire::method::Method;
use less_sync_core::{ConnectionId, MetadataVersion, Permission, Requested, SpaceId};
use less_sync_storage::{
    Appended, MemberEntry, MemberLimits, MemberList, MemberRange, MembershipRejection, NewMember, RateAction,
};

use crate::actor::Actor;
use crate::authorize::Admission;
use crate::{
    AppendedEvent, Credentials, Engine, EngineError, Presenter, Revocation, RevokedEvent, Rule, SpaceEvent,
};

/// Append to a membership log.
#[derive(Clone, Debug)]
pub struct Append {
    /// The new entry.
    pub entry: NewMember,
    /// Expected version of the log; the append fails if the log has another one.
    pub expected_version: Requested<MetadataVersion>,
}

impl Engine {
    /// Limits of a membership log, for edges that check them while they decode.
    #[must_use]
    pub fn member_limits(&self) -> MemberLimits {
        self.settings.member_limits
    }

    /// Appends an entry and publishes it after the commit. Read permission suffices (protocol D-28). Administrators have a
    /// higher hourly rate limit, since a removal is logged member by member, and a quarter of the log to themselves; other
    /// members have a share of the rest per day. Failed appends do not count.
    ///
    /// # Errors
    /// As [`Engine::pull`]; [`EngineError::RateLimited`]; as [`less_sync_storage::Members::append_member`].
    pub async fn append_member(
        &self,
        credentials: Credentials<'_>,
        space: SpaceId,
        append: Append,
        origin: ConnectionId,
    ) -> Result<Appended, EngineError<MembershipRejection>> {
        let admission = self.authorizer.admit(Method::MembershipAppend, credentials, space).await;
        let admission = admission.map_err(EngineError::widen)?;
        let grant = admission.reading().map_err(EngineError::widen)?;
        let limit = self.appends_per_hour(admission.permission());
        let now = self.clock.now();
        let actor = actor(credentials.presenter, &admission).map_err(EngineError::widen)?;
        let counted = self.actions.count(RateAction::MembershipAppend, &actor, limit, now).await?;
        let Append { entry, expected_version } = append;
        let share = (!admission.permission().covers(Permission::Admin))
            .then(|| self.log_shares.reserve(&actor, space, &entry, self.member_limits(), now));
        let limits = share.as_ref().map_or(self.member_limits(), |share| share.limits);
        let stored = self.storage.append_member(&grant, expected_version, entry.clone(), limits).await;
        let appended = counted.settle(stored).await?;
        if let Some(share) = share {
            share.commit();
        }
        let event = AppendedEvent {
            space,
            prev: appended.prev,
            key_generation: appended.key_generation,
            rewrap_epoch: appended.rewrap_epoch,
            entry: MemberEntry {
                chain_seq: appended.chain_seq,
                cursor: appended.cursor,
                prev_hash: entry.prev_hash().copied(),
                entry_hash: *entry.entry_hash(),
                payload: entry.payload().clone(),
            },
            origin,
        };
        self.events.publish(SpaceEvent::Appended(event));
        Ok(appended)
    }

    fn appends_per_hour(&self, permission: Permission) -> usize {
        if permission.covers(Permission::Admin) {
            self.settings.appends_per_hour_admin
        } else {
            self.settings.appends_per_hour
        }
    }

    /// Entries of the log, with the version of the log that they were read at.
    ///
    /// # Errors
    /// As [`Engine::pull`]; as [`less_sync_storage::Members::list_members`].
    pub async fn list_members(
        &self,
        credentials: Credentials<'_>,
        space: SpaceId,
        range: MemberRange,
    ) -> Result<MemberList, EngineError> {
        let grant = self.authorizer.admit(Method::MembershipList, credentials, space).await?.reading()?;
        Ok(self.storage.list_members(&grant, range).await?)
    }

    /// Revokes a token permanently and publishes the revocation after the commit. A repeat changes nothing and is published
    /// again. A caller cannot revoke a token of their own chain, by either of its cids (auth §6.5): the owner's leaf is
    /// the root of every chain of the space.
    ///
    /// # Errors
    /// As [`Engine::pull`], also for a token of the caller's own chain; as
    /// [`less_sync_storage::Revocations::revoke`].
    pub async fn revoke(
        &self,
        credentials: Credentials<'_>,
        space: SpaceId,
        revocation: Revocation,
        origin: ConnectionId,
    ) -> Result<(), EngineError> {
        let admission = self.authorizer.admit(Method::MembershipRevoke, credentials, space).await?;
        if admission.chain().is_some_and(|chain| revocation.revokes(&**chain)) {
            return Err(EngineError::Forbidden(Rule::OwnChain));
        }
        self.storage.revoke(&admission.administering()?, revocation.cid()).await?;
        self.events.publish(SpaceEvent::Revoked(RevokedEvent { space, revocation, origin: Some(origin) }));
        Ok(())
    }
}

/// Actor of an append: the user, or the audience of the chain that a server forwards.
fn actor<'a>(presenter: Presenter<'a>, admission: &'a Admission) -> Result<Actor<'a>, EngineError> {
    match presenter {
        Presenter::User(caller) => Ok(caller.into()),
        Presenter::Server(server) => {
            let chain = admission.chain().ok_or(EngineError::Forbidden(Rule::NoChain))?;
            Ok(Actor::behind(server, chain.audience()))
        }
    }
}

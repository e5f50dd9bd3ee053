//! The membership log of a space, and revocations (protocol §4.8–§4.10).

use less_sync_core::wire::method::Method;
use less_sync_core::{ConnectionId, Permission, SpaceId};
use less_sync_storage::{
    Appended, MemberEntry, MemberLimits, MemberList, MemberRange, NewMember, RateAction,
};

use crate::{AppendedEvent, Credentials, Engine, EngineError, Revocation, RevokedEvent, SpaceEvent};

/// An entry to append to a membership log.
#[derive(Clone, Debug)]
pub struct Append {
    /// What goes in.
    pub entry: NewMember,
    /// Entries that the log has, as far as the caller knows.
    pub expected_version: i32,
}

impl Engine {
    /// The bounds of a membership log, for edges that check them while they decode.
    #[must_use]
    pub fn member_limits(&self) -> MemberLimits {
        self.settings.member_limits
    }

    /// Appends an entry and publishes it once it is durable. Whoever may read may append (protocol D-28); who may
    /// administer has a greater hourly budget, since a removal is logged member by member. What fails does not count.
    ///
    /// # Errors
    /// As [`Engine::pull`]; [`EngineError::RateLimited`]; as [`less_sync_storage::Members::append_member`].
    pub async fn append_member(
        &self,
        credentials: Credentials<'_>,
        space: SpaceId,
        append: Append,
        origin: ConnectionId,
    ) -> Result<Appended, EngineError> {
        let admission = self.authorizer.admit(Method::MembershipAppend, credentials, space).await?;
        let (grant, limit) = (admission.reading()?, self.appends_per_hour(admission.permission()));
        let now = self.clock.now();
        let counted =
            self.actions.count(RateAction::MembershipAppend, credentials.caller, limit, now).await?;
        let Append { entry, expected_version } = append;
        let stored =
            self.storage.append_member(&grant, expected_version, entry.clone(), self.member_limits()).await;
        let appended = counted.settle(stored).await?;
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

    /// Entries of the log, and the version of the log they are from.
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

    /// Revokes a token for good and publishes that once it is durable. A repeat is published again. Nobody revokes a
    /// token of the chain they present, in either form (auth §6.5): an owner's leaf is the root of every chain.
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
        if admission.chain().is_some_and(|chain| chain.cids().iter().any(|own| revocation.names(*own))) {
            return Err(EngineError::Forbidden);
        }
        self.storage.revoke(&admission.administering()?, revocation.cid()).await?;
        self.events.publish(SpaceEvent::Revoked(RevokedEvent { space, revocation, origin }));
        Ok(())
    }
}

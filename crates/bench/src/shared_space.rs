//! Shared spaces of a run, and UCAN chains for their members.

use anyhow::ensure;
use less_sync_client::crypto::Identity;
use less_sync_core::wire::method;
use less_sync_core::wire::space::{SpaceCreateParams, SpaceCreateResult};
use less_sync_core::{Did, Permission, SpaceId, Timestamp};

use crate::clock;
use crate::connection::{LoadConnection, result};
use crate::server::{ServerUnderTest, User};

/// Validity of chains in seconds, longer than any run.
const LIFETIME: i64 = 86_400;

/// Shared space with the identity of its owner.
#[derive(Debug)]
pub(crate) struct SharedSpace {
    owner: Identity,
    id: SpaceId,
    expires_at: Timestamp,
}

impl SharedSpace {
    /// Creates a space on the server, without members.
    pub(crate) async fn create(server: &ServerUnderTest) -> anyhow::Result<Self> {
        let mut connection = LoadConnection::open(server.address(), &server.user().await?.token).await?;
        let space = Self::unknown();
        let text = space.id.to_string();
        let root_key = space.owner.root_key();
        let params = SpaceCreateParams { id: &text, root_public_key: root_key.as_bytes() };
        let response = connection.call(method::SPACE_CREATE, &params).await?;
        let created: SpaceCreateResult<'_> = result(&response)?;
        ensure!(created.id == text, "the server created another space");
        Ok(space)
    }

    /// A space that exists on no server.
    pub(crate) fn unknown() -> Self {
        let expires_at = Timestamp::from_seconds(clock::timestamp().seconds() + LIFETIME);
        Self { owner: Identity::random(), id: random_space(), expires_at }
    }

    /// Id of the space.
    pub(crate) fn id(&self) -> SpaceId {
        self.id
    }

    /// Owner of the space.
    pub(crate) async fn owner(&self, server: &ServerUnderTest) -> anyhow::Result<User> {
        let token = server.token_of("bench-owner", self.owner.did()).await?;
        Ok(User { token, space: self.id, ucan: Some(self.root()) })
    }

    /// Member with write permission, by a chain of `depth` tokens, at least two.
    pub(crate) async fn member(
        &self,
        server: &ServerUnderTest,
        user: &str,
        depth: usize,
    ) -> anyhow::Result<User> {
        let mut chain = self.root();
        let mut holder = None;
        for _ in 1..depth.max(2) {
            let next = Identity::random();
            let issuer = holder.as_ref().unwrap_or(&self.owner);
            chain = issuer.grant(next.did(), Permission::Write, self.id, self.expires_at, Some(&chain));
            holder = Some(next);
        }
        let did = holder.as_ref().unwrap_or(&self.owner).did();
        Ok(User { token: server.token_of(user, did).await?, space: self.id, ucan: Some(chain) })
    }

    /// Token by which the owner lets `member` write.
    pub(crate) fn grant(&self, member: &Did) -> String {
        self.owner.grant(member, Permission::Write, self.id, self.expires_at, Some(&self.root()))
    }

    /// Root token of the owner.
    fn root(&self) -> String {
        self.owner.grant(self.owner.did(), Permission::Admin, self.id, self.expires_at, None)
    }
}

fn random_space() -> SpaceId {
    SpaceId::from(uuid::Builder::from_random_bytes(rand::random()).into_uuid())
}

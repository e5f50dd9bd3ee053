//! Shared spaces, and the chains of those who use them.

use anyhow::ensure;
use less_sync_client::crypto::Identity;
use less_sync_core::wire::method;
use less_sync_core::wire::space::{SpaceCreateParams, SpaceCreateResult};
use less_sync_core::{Permission, SpaceId, Timestamp};

use super::link::{Link, result};
use super::subject::{Subject, User};
use crate::clock;

/// Seconds for which chains are good: longer than any measurement.
const LIFETIME: i64 = 86_400;

/// A shared space and the key of its owner.
#[derive(Debug)]
pub(super) struct SharedSpace {
    owner: Identity,
    id: SpaceId,
    expires_at: Timestamp,
}

impl SharedSpace {
    /// A new space; nobody is on the server yet who could use it.
    pub(super) async fn create(subject: &Subject) -> anyhow::Result<Self> {
        let mut link = Link::open(subject.address(), &subject.user().await?.token).await?;
        let owner = Identity::random();
        let id = random_space();
        let text = id.to_string();
        let root_key = owner.root_key();
        let params = SpaceCreateParams { id: &text, root_public_key: root_key.as_bytes() };
        let answer = link.call(method::SPACE_CREATE, &params).await?;
        let created: SpaceCreateResult<'_> = result(&answer)?;
        ensure!(created.id == text, "the server made another space");
        let expires_at = Timestamp::from_seconds(clock::timestamp().seconds() + LIFETIME);
        Ok(Self { owner, id, expires_at })
    }

    /// The owner.
    pub(super) async fn owner(&self, subject: &Subject) -> anyhow::Result<User> {
        let token = subject.token_of("bench-owner", self.owner.did()).await?;
        Ok(User { token, space: self.id, ucan: Some(self.root()) })
    }

    /// Somebody who may read and write by a chain of `depth` tokens, of which all but the last are passed on.
    pub(super) async fn member(&self, subject: &Subject, user: &str, depth: usize) -> anyhow::Result<User> {
        let mut chain = self.root();
        let mut holder = None;
        for _ in 1..depth.max(2) {
            let next = Identity::random();
            let issuer = holder.as_ref().unwrap_or(&self.owner);
            chain = issuer.grant(next.did(), Permission::Write, self.id, self.expires_at, Some(&chain));
            holder = Some(next);
        }
        let did = holder.as_ref().unwrap_or(&self.owner).did();
        Ok(User { token: subject.token_of(user, did).await?, space: self.id, ucan: Some(chain) })
    }

    fn root(&self) -> String {
        self.owner.grant(self.owner.did(), Permission::Admin, self.id, self.expires_at, None)
    }
}

fn random_space() -> SpaceId {
    SpaceId::from(uuid::Builder::from_random_bytes(rand::random()).into_uuid())
}

//! Shared space on a server, with its owner and members.

use less_sync_auth::ucan;
use less_sync_core::{Permission, SpaceId};
use serde_json::json;
use uuid::Uuid;

use crate::{Member, RawClient, TestServer, Ucan, bytes};

/// A shared space with its owner. Invited members get a UCAN derived from that of the owner.
#[derive(Debug)]
pub struct SharedSpace<'s> {
    server: &'s TestServer,
    id: SpaceId,
    owner: Member,
    root: String,
}

impl<'s> SharedSpace<'s> {
    /// Creates a space with a new owner, the user `owner`.
    ///
    /// # Panics
    /// If the server does not create it.
    pub async fn create(server: &'s TestServer) -> Self {
        let (owner, id) = (Member::random(), random_space());
        let mut client = server.raw_as("owner", &owner).await;
        let params = json!({ "id": id.to_string(), "root_public_key": bytes(owner.root_key().as_bytes()) });
        let response = client.call("space.create", &params).await;
        assert_eq!(response["result"]["id"], id.to_string(), "{response}");
        let root = owner.ucan(id).sign();
        Self { server, id, owner, root }
    }

    /// Id of the space.
    #[must_use]
    pub fn id(&self) -> SpaceId {
        self.id
    }

    /// Id of the space as text.
    #[must_use]
    pub fn text(&self) -> String {
        self.id.to_string()
    }

    /// Owner of the space.
    #[must_use]
    pub fn owner(&self) -> &Member {
        &self.owner
    }

    /// The owner, without the server.
    #[must_use]
    pub fn into_owner(self) -> Member {
        self.owner
    }

    /// UCAN of the owner, the root of every chain.
    #[must_use]
    pub fn root(&self) -> &str {
        &self.root
    }

    /// A connection of the owner.
    pub async fn owner_client(&self) -> RawClient {
        self.server.raw_as("owner", &self.owner).await
    }

    /// Unsigned UCAN from the owner to `member`.
    #[must_use]
    pub fn invitation(&self, member: &Member, permission: Permission) -> Ucan<'_> {
        self.owner.ucan(self.id).to(member).permission(permission).proof(&self.root)
    }

    /// Issues a UCAN from the owner to `member`.
    #[must_use]
    pub fn invite(&self, member: &Member, permission: Permission) -> String {
        self.invitation(member, permission).sign()
    }

    /// Revokes `token` in the name of the owner, on `client`.
    ///
    /// # Panics
    /// If the server rejects.
    pub async fn revoke(&self, client: &mut RawClient, token: &str) {
        let cid = ucan::cid(token).to_hex();
        let params = json!({ "space": self.text(), "ucan": self.root, "ucan_cid": cid });
        let response = client.call("membership.revoke", &params).await;
        assert_eq!(response["result"], json!({}), "{response}");
    }
}

/// Returns a random space id.
#[must_use]
pub fn random_space() -> SpaceId {
    SpaceId::from(uuid::Builder::from_random_bytes(rand::random()).into_uuid())
}

/// Returns the id of a personal space without a user.
#[must_use]
pub fn derived_space() -> SpaceId {
    SpaceId::from(Uuid::new_v5(&Uuid::NAMESPACE_DNS, random_space().as_bytes()))
}

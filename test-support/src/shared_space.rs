//! A shared space on a server, and the people in it.

use less_sync_auth::ucan;
use less_sync_core::{Permission, SpaceId};
use serde_json::json;
use uuid::Uuid;

use crate::{Member, RawClient, TestServer, Ucan, bytes};

/// A shared space with its owner. Whoever is invited gets a token one below that of the owner.
#[derive(Debug)]
pub struct SharedSpace<'s> {
    server: &'s TestServer,
    id: SpaceId,
    owner: Member,
    root: String,
}

impl<'s> SharedSpace<'s> {
    /// A new space of a new owner, the user `owner`.
    ///
    /// # Panics
    /// When the server does not create it.
    pub async fn create(server: &'s TestServer) -> Self {
        let (owner, id) = (Member::random(), random_space());
        let mut client = server.raw_as("owner", &owner).await;
        let params = json!({ "id": id.to_string(), "root_public_key": bytes(owner.root_key().as_bytes()) });
        let response = client.call("space.create", &params).await;
        assert_eq!(response["result"]["id"], id.to_string(), "{response}");
        let root = owner.ucan(id).sign();
        Self { server, id, owner, root }
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> SpaceId {
        self.id
    }

    /// Its id as text.
    #[must_use]
    pub fn text(&self) -> String {
        self.id.to_string()
    }

    /// Whose key it is.
    #[must_use]
    pub fn owner(&self) -> &Member {
        &self.owner
    }

    /// The owner's token, the root of every chain.
    #[must_use]
    pub fn root(&self) -> &str {
        &self.root
    }

    /// A connection of the owner.
    pub async fn owner_client(&self) -> RawClient {
        self.server.raw_as("owner", &self.owner).await
    }

    /// What the owner gives to `member`, to be changed before it is signed.
    #[must_use]
    pub fn invitation(&self, member: &Member, permission: Permission) -> Ucan<'_> {
        self.owner.ucan(self.id).to(member).permission(permission).proof(&self.root)
    }

    /// Lets `member` in.
    #[must_use]
    pub fn invite(&self, member: &Member, permission: Permission) -> String {
        self.invitation(member, permission).sign()
    }

    /// Revokes `token` in the name of the owner, on `client`.
    ///
    /// # Panics
    /// When the server rejects.
    pub async fn revoke(&self, client: &mut RawClient, token: &str) {
        let cid = ucan::cid(token).to_hex();
        let params = json!({ "space": self.text(), "ucan": self.root, "ucan_cid": cid });
        let response = client.call("membership.revoke", &params).await;
        assert_eq!(response["result"], json!({}), "{response}");
    }
}

/// An id that nobody else has.
#[must_use]
pub fn random_space() -> SpaceId {
    SpaceId::from(uuid::Builder::from_random_bytes(rand::random()).into_uuid())
}

/// The id of a personal space that is nobody's.
#[must_use]
pub fn derived_space() -> SpaceId {
    SpaceId::from(Uuid::new_v5(&Uuid::NAMESPACE_DNS, random_space().as_bytes()))
}

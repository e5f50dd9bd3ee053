//! Built-in issuer of development mode: tokens on request, signed with a key in the data directory.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use less_sync_auth::issuer::{IssuerKey, jwks_document};
use less_sync_auth::personal_space::personal_space_id;
use less_sync_auth::{PersonalSpaceNamespaces, TokenRules, TrustedIssuer};
use less_sync_core::{MailboxId, SpaceId, Timestamp};
use less_sync_disk::DirectorySync;
use less_sync_engine::{Clock, FetchMode, FetchedKeySet, KeySetError, KeySetSource};
use serde_json::json;
use url::Url;

use super::key_file;

/// Issuer that gives a token to every request on loopback.
pub(crate) struct DevIssuer {
    key: IssuerKey,
    issuer: String,
    audience: Option<String>,
    namespaces: PersonalSpaceNamespaces,
    max_lifetime: Duration,
    clock: Arc<dyn Clock>,
}

/// Claims of a token to issue.
pub(super) struct TokenSpec<'w> {
    pub(super) user: &'w str,
    pub(super) client: &'w str,
    pub(super) scope: &'w str,
    pub(super) ttl: Duration,
    /// `did:key` that UCANs of the user must name as their audience.
    pub(super) did: Option<&'w str>,
    /// Mailbox that receives invitations.
    pub(super) mailbox: Option<MailboxId>,
}

/// An issued token with its expiry and the personal space of its user.
pub(super) struct IssuedToken {
    pub(super) token: String,
    pub(super) expires_at: Timestamp,
    pub(super) personal_space: SpaceId,
}

impl DevIssuer {
    /// Opens the issuer of the server at `address`, with the key in a directory.
    ///
    /// # Errors
    /// The key can be neither read nor created.
    pub(crate) fn open(
        (directory, sync): (&Path, &DirectorySync),
        address: SocketAddr,
        rules: &TokenRules,
        clock: Arc<dyn Clock>,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            key: key_file::load_or_create(directory, sync)?,
            issuer: format!("http://{address}/dev"),
            audience: rules.audiences.first().cloned(),
            namespaces: rules.personal_space.namespaces.clone(),
            max_lifetime: rules.max_lifetime.unwrap_or(Duration::from_hours(24)),
            clock,
        })
    }

    /// Trust anchor for the server.
    pub(crate) fn trusted(&self) -> anyhow::Result<TrustedIssuer> {
        Ok(TrustedIssuer::parse(&self.issuer)?)
    }

    pub(crate) fn name(&self) -> &str {
        &self.issuer
    }

    /// The key set document.
    pub(super) fn key_set(&self) -> String {
        jwks_document([&self.key]).to_string()
    }

    /// Issues a token, valid at most for the maximum lifetime that the server accepts.
    pub(super) fn issue(&self, spec: &TokenSpec<'_>) -> IssuedToken {
        let now = self.clock.now();
        let expires_at = Timestamp::from_seconds(now.plus(spec.ttl.min(self.max_lifetime)).seconds());
        let personal_space = personal_space_id(self.namespaces.first(), &self.issuer, spec.user, spec.client);
        let mut claims = json!({
            "iss": self.issuer, "sub": spec.user, "client_id": spec.client, "scope": spec.scope,
            "iat": now.seconds(), "exp": expires_at.seconds(), "personal_space_id": personal_space.to_string(),
        });
        for (name, value) in [
            ("aud", self.audience.clone()),
            ("did", spec.did.map(str::to_owned)),
            ("mailbox_id", spec.mailbox.as_ref().map(MailboxId::to_hex)),
        ] {
            if let (Some(value), Some(claims)) = (value, claims.as_object_mut()) {
                claims.insert(name.to_owned(), json!(value));
            }
        }
        IssuedToken { token: self.key.sign(&claims), expires_at, personal_space }
    }

    /// An ordinary token for the user `dev`.
    pub(crate) fn sample_token(&self) -> String {
        self.issue(&TokenSpec::default()).token
    }
}

impl Default for TokenSpec<'_> {
    fn default() -> Self {
        Self {
            user: "dev",
            client: "less-sync-dev",
            scope: "sync files",
            ttl: Duration::from_hours(1),
            did: None,
            mailbox: None,
        }
    }
}

/// Key set of this issuer, without network access: the request would go to the server itself.
#[async_trait]
impl KeySetSource for DevIssuer {
    async fn fetch(&self, _url: &Url, _how: FetchMode) -> Result<FetchedKeySet, KeySetError> {
        Ok(FetchedKeySet { body: Bytes::from(self.key_set()), max_age: None })
    }
}

impl std::fmt::Debug for DevIssuer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DevIssuer").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

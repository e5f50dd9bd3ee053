//! Settings of an issuer (operations §17.1).

use std::time::Duration;

use less_sync_auth::PersonalSpaceNamespaces;

use crate::cors::Origins;

/// Settings of an issuer.
#[derive(Clone, Debug)]
pub struct IssuerSettings {
    /// `iss` of tokens: the public URL of the issuer, without trailing slashes.
    pub url: String,
    /// `aud` of access tokens.
    pub audience: String,
    /// Lifetime of access tokens.
    pub token_lifetime: Duration,
    /// Time after which a user must log in again.
    pub refresh_lifetime: Duration,
    /// Namespaces of the server, whose first one makes the ids of personal spaces (auth §4.1).
    pub namespaces: PersonalSpaceNamespaces,
    /// Origins whose pages may request tokens.
    pub origins: Origins,
}

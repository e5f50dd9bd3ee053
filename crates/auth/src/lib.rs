//! Credentials of less-sync as pure functions of (input, keys, configuration, now): access tokens, the key sets of
//! their issuers, ids derived from claims, UCAN chains for shared spaces ([`ucan`]), and the rights that operations
//! require ([`rights`]). With the feature `federation` also credentials between servers.
//!
//! No clock, no socket and no log is used here. The caller fetches key sets; this crate verifies with them:
//!
//! ```
//! use less_sync_auth::issuer::{IssuerKey, jwks_document};
//! use less_sync_auth::{KeySet, TokenRules, UnverifiedToken};
//! use less_sync_core::Timestamp;
//! use serde_json::json;
//!
//! let key = IssuerKey::from_bytes("key-1", &[7; 32])?;
//! let token = key.sign(&json!({
//!     "iss": "https://id.example", "sub": "user-1", "client_id": "notes", "scope": "sync", "exp": 1_767_229_200,
//! }));
//!
//! let published = KeySet::parse(jwks_document([&key]).to_string().as_bytes())?;
//! let token = UnverifiedToken::parse(&token)?;
//! assert_eq!(token.issuer(), "https://id.example");
//! let key = published.key(token.key_id()).ok_or("unknown key")?;
//! let caller = token.verify(key, &TokenRules::default(), Timestamp::from_seconds(1_767_225_600))?;
//! assert!(caller.scopes.contains("sync"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod actor_hash;
mod base64url;
mod bearer;
mod caller;
pub mod did_key;
pub mod did_proof;
#[cfg(feature = "federation")]
pub mod federation;
pub mod issuer;
mod json;
pub mod jwks;
mod jws;
pub mod login_proof;
mod numeric_date;
mod p256_key;
pub mod personal_space;
pub mod rights;
mod root_key;
mod scopes;
mod token;
mod trusted_issuer;
pub mod ucan;

pub use actor_hash::{IdentityHashKey, InvalidIdentityHashKey};
pub use bearer::{BearerError, bearer_token};
pub use caller::Caller;
pub use jwks::KeySet;
pub use less_sync_core::{InvalidMailboxId, MailboxId};
pub use p256_key::P256Key;
pub use personal_space::{PersonalSpaceMode, PersonalSpaceNamespaces, PersonalSpaceRules};
pub use root_key::{InvalidRootKey, RootKey};
pub use scopes::Scopes;
pub use token::{InvalidToken, MAX_TOKEN_BYTES, TokenError, TokenRules, UnverifiedToken};
pub use trusted_issuer::{InvalidTrustedIssuers, InvalidUrl, TrustedIssuer, parse_audiences};

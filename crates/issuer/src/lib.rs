//! Issuer of access tokens with users in a file, for a family or a team (operations §17).
//!
//! A directory has the signing keys and the users with their password hashes ([`Directory`]). Commands change it, and a running
//! [`Issuer`] takes changes over. Its routes are a token endpoint, the key set and two discovery documents; listener, settings
//! and TLS are those of the process around it.
//!
//! An accounts service has more: sign-up, recovery of passwords, pages. An organisation with a provider of its own uses that.

mod attempts;
mod cors;
mod directory;
mod form;
mod grant;
mod issuer;
mod keys;
mod password;
mod private_json;
mod request;
mod routes;
mod settings;
mod users;
mod watched;

pub use cors::Origins;
pub use directory::{ChangeError, Directory, KeySummary};
pub use issuer::Issuer;
pub use password::{InvalidPassword, Password};
pub use private_json::FileError;
pub use settings::IssuerSettings;
pub use users::{InvalidUserName, UserName, UserSummary};

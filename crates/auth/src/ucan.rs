//! UCANs: delegable rights in shared spaces (auth §6).
//!
//! A UCAN grants its audience a permission level in one space until an expiry time. It embeds the UCAN that
//! gives its issuer those rights, and so on up to a root signed by the space's root key. A chain is
//! verified as a whole and never in part:
//!
//! ```
//! use less_sync_auth::ucan::{self, Audience, Expectations, Grant, UcanKey};
//! use less_sync_core::{Permission, SpaceId, Timestamp};
//!
//! let (owner, member) = (UcanKey::from_bytes(&[7; 32])?, UcanKey::from_bytes(&[8; 32])?);
//! let space: SpaceId = "7b0d9e52-1c34-4f6a-8e21-5d90ab34cd12".parse()?;
//! let now = Timestamp::from_seconds(1_767_225_600);
//! let grant = Grant {
//!     audience: member.did(),
//!     permission: Permission::Write,
//!     space,
//!     expires_at: Timestamp::from_seconds(1_767_229_200),
//!     nonce: [1; 16],
//! };
//! let token = owner.issue(&grant, None);
//!
//! let expected = Expectations {
//!     audience: Audience::Caller(member.did()),
//!     permission: Permission::Read,
//!     space,
//!     root_key: owner.root_key(),
//! };
//! let chain = ucan::verify(&token, &expected, now)?;
//! assert_eq!(chain.permission(), Permission::Write);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Revocation is left to the storage layer: it looks up all [`VerifiedChain::cids`] of a chain in one query.

mod chain;
mod cids;
mod claims;
mod error;
mod expectations;
mod header;
mod issue;
mod texts;
mod token;
mod verified;

pub use chain::{MAX_CHAIN_TOKENS, verify, verify_by, verify_to_own_root};
pub use cids::{TokenCids, cid};
pub use error::{InvalidUcan, UcanError};
pub use expectations::{Audience, Expectations};
pub use issue::{Grant, InvalidUcanKey, UcanKey};
pub use token::MAX_UCAN_BYTES;
pub use verified::VerifiedChain;

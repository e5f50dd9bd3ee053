//! Shared spaces: membership, invitations, removals, and key rotation.
//!
//! A [`Membership`] is the state of a member: root key, chain of UCANs, and key ring. An [`Offer`] is an encrypted
//! invitation for an [`Address`]. The [`Roster`] is derived from the membership log, whose entries are encrypted for the
//! members and signed by their authors. A [`Share`](crate::Share) carries the key of an epoch to one member.
//!
//! The server is not trusted: chains are verified up to the root key, and statements against the key of their author. A
//! malicious server can still withhold data: it can present an older log or an older version of a record.

mod accept;
mod address;
mod adopt;
mod entry;
mod membership;
mod offer;
mod rewrap;
mod roster;
mod share;

pub use accept::AcceptError;
pub use address::{Address, InvalidAddress};
pub use adopt::{AdoptError, adopt};
pub use entry::{Act, Admission, MAX_ADMISSIONS, seal_entry};
pub use membership::{Chain, Membership};
pub use offer::{Offer, OfferError};
pub use rewrap::{RewrapError, Rewrapped, rewrap_all};
pub use roster::{Member, Roster, Token};
pub use share::{InvalidShare, open_share, seal_share};

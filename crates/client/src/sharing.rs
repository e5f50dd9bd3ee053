//! Sharing a space with people: who is in it, how somebody gets in and out, and how its key changes.
//!
//! A [`Membership`] is what a member knows of a space: its root key, their own chain of UCANs, its keys. An [`Offer`]
//! is an invitation on its way to an [`Address`]. The [`Roster`] is read from the membership log, whose entries are
//! encrypted for the members and signed by their authors; a [`Share`](crate::Share) carries the key of an epoch to
//! one member. Nothing here is believed because the server says so: chains are verified up to the root key, and
//! statements against the key of whoever makes them.
//!
//! What a server can still do is withhold: show an older log, or an older version of a record.

mod address;
mod adopt;
mod entry;
mod membership;
mod offer;
mod rewrap;
mod roster;
mod share;

pub use address::{Address, InvalidAddress};
pub use adopt::{AdoptError, adopt};
pub use entry::{Act, Admission, MAX_ADMISSIONS, seal_entry};
pub use membership::{Chain, Membership};
pub use offer::{Offer, OfferError};
pub use rewrap::{RewrapError, Rewrapped, rewrap_all};
pub use roster::{Member, Roster, Token};
pub use share::{InvalidShare, open_share, seal_share};

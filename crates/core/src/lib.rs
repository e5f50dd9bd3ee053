//! Vocabulary of less-sync: typed ids, cursors and epochs, error and close codes, limits, and the
//! `less-rpc-v1` wire format (CBOR profile, envelopes, the params, results and notifications of every method).
//!
//! | Module | Contents |
//! |---|---|
//! | [`wire`] | the method table; params, results and notifications of every method |
//! | [`frame`] | envelopes of whole messages |
//! | [`cbor`] | the CBOR profile: strict scan, borrowing decoder, byte-exact encoder |
//! | [`limits`] | limits fixed by the wire |
//! | [`rights`] | scope and access level that an operation requires |
//! | [`domain`] | names of servers: canonical domains, identities of peers |
//! | [`hex`] | hexadecimal encoding of bytes |
//! | root | ids, [`Cursor`], [`Epoch`], [`Dek`], [`Timestamp`], [`ErrorCode`], [`Close`], [`PeerNetwork`] |
//!
//! Pure functions of their input only: the crate depends on no runtime, no socket and no database.

pub mod cbor;
mod close;
mod cursor;
mod dek;
mod did;
pub mod domain;
mod epoch;
mod error_chain;
mod error_code;
pub mod frame;
pub mod hex;
mod hex_id;
mod id;
pub mod limits;
mod log_position;
mod name;
mod ordinal;
mod peer_network;
mod permission;
mod requested;
pub mod rights;
mod time;
pub mod wire;

pub use close::{Close, close_code};
pub use cursor::{Cursor, OutOfRange};
pub use dek::{Dek, DekKind, InvalidDek};
pub use did::Did;
pub use domain::{CanonicalDomain, InvalidDomain, PeerId};
pub use epoch::Epoch;
pub use error_chain::ErrorChain;
pub use error_code::ErrorCode;
pub use hex_id::{Cid, InvalidCid, InvalidMailboxId, MailboxId};
pub use id::{ConnectionId, FileId, InvalidId, InvitationId, RecordId, SpaceId};
pub use log_position::{ChainSeq, MetadataVersion};
pub use name::{ClientId, InvalidName, UserId};
pub use peer_network::PeerNetwork;
pub use permission::{InvalidPermission, Permission};
pub use requested::Requested;
pub use time::Timestamp;

//! The vocabulary of less-sync: typed ids, cursors and epochs, error and close codes, limits, and the
//! `less-rpc-v1` wire format (CBOR profile, envelopes, the types of every method).
//!
//! It knows no runtime, no socket and no database. Everything here is a pure function of its input.

pub mod cbor;
mod cid;
mod close;
mod counters;
mod dek;
mod error_chain;
mod error_code;
pub mod frame;
pub mod hex;
mod id;
pub mod limits;
mod mailbox_id;
mod permission;
pub mod rights;
mod time;
pub mod wire;

pub use cid::{Cid, InvalidCid};
pub use close::{Close, close_code};
pub use counters::{Cursor, Epoch, OutOfRange};
pub use dek::{Dek, InvalidDek};
pub use error_chain::ErrorChain;
pub use error_code::ErrorCode;
pub use id::{ConnectionId, FileId, InvalidId, InvitationId, RecordId, SpaceId};
pub use mailbox_id::{InvalidMailboxId, MailboxId};
pub use permission::{InvalidPermission, Permission};
pub use time::Timestamp;

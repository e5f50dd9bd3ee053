//! The storage contract of less-sync: small traits by capability, their value types and errors, and one
//! conformance suite (feature `conformance`) that every adapter must pass.
//!
//! It knows no database, no runtime and no wire format. One method is one transaction; its documentation
//! says what is atomic, what a repeat does and which errors mean what.

#[cfg(feature = "conformance")]
pub mod conformance;
mod error;
mod files;
mod grant;
mod members;
mod proof_chain;
mod records;
mod row;
mod rules;
mod spaces;

pub use error::StorageError;
pub use files::{FileEntry, FileState};
pub use grant::{Access, AdminGrant, ReadGrant, WriteGrant};
pub use members::MemberEntry;
pub use proof_chain::{InvalidProofChain, ProofChain};
pub use records::{
    Change, CursorAhead, PullPage, PullPosition, PullRequest, PullState, Push, PushLimits, Pushed, Record,
    RecordState, Records,
};
pub use row::Row;
pub use spaces::{Space, SpaceKind, Spaces};

/// All of it. Code that needs less asks for less: `&dyn Records`, not `&dyn Storage`.
pub trait Storage: Spaces + Records {}
impl<T: Spaces + Records + ?Sized> Storage for T {}

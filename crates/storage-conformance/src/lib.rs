//! Conformance suite of the storage contract: the tests that every adapter must pass.
//!
//! An adapter implements [`Backend`] for its databases in a test of its own and instantiates everything with
//! [`conformance_tests!`](crate::conformance_tests). The tests use the contract only; behaviour that only one
//! adapter has is a bug (storage P24). Names in quotation marks are scenarios of storage §14.
//!
//! ```ignore
//! struct MyBackend { /* … */ }
//! impl less_sync_storage_conformance::Backend for MyBackend { /* … */ }
//! less_sync_storage_conformance::conformance_tests!(MyBackend);
//! ```

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests, kept in a library")]
#![expect(clippy::missing_panics_doc, reason = "panicking is how a test fails")]

pub mod access;
mod backend;
pub mod blobs;
pub mod deks;
pub mod epoch_keys;
pub mod epochs;
pub mod federation_keys;
mod file_fixture;
pub mod file_races;
pub mod files;
mod fixture;
mod grants;
pub mod home_hints;
pub mod home_routes;
mod instantiate;
pub mod inventory;
pub mod invitations;
pub mod issuer_bindings;
pub mod members;
pub mod model;
pub mod objects;
pub mod peer_states;
pub mod pulls;
pub mod purge;
pub mod pushes;
pub mod quotas;
pub mod races;
pub mod rate_limits;
pub mod revocations;
pub mod rewraps;
mod shared_fixture;
pub mod shared_races;
pub mod spaces;
pub mod timeline;

pub use backend::{Arrangement, Backend, PageLimits};
#[doc(hidden)]
pub use instantiate::in_time;

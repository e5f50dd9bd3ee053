//! The PostgreSQL storage adapter of less-sync: the contract of `less-sync-storage` on a shared database.
//!
//! A push is one round trip, and pushes that wait at the same time share a transaction (natural batching). A pull reads
//! a page at a time and holds nothing between two pages. The migrations of the schema are embedded ([`migrate`]).
//! The crate depends on neither the wire nor HTTP.
//!
//! ```no_run
//! use less_sync_storage_postgres::{PostgresOptions, PostgresStorage};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let url = "postgres://less_sync@localhost/less_sync".parse()?;
//! let storage = PostgresStorage::open(PostgresOptions::new(url)).await?;
//! // … serve …
//! storage.close().await;
//! # Ok(())
//! # }
//! ```

mod access;
mod clock;
mod columns;
mod connector;
mod deks;
mod driver_failure;
mod epoch_keys;
mod epochs;
mod error;
mod federation_keys;
mod files;
mod home_hints;
mod home_routes;
mod inspection;
mod inventory;
mod invitations;
mod issuer_bindings;
mod job_leases;
mod members;
pub mod migrate;
mod notifications;
mod objects;
mod options;
mod peer_states;
mod pool;
mod pull;
mod purge;
mod push;
mod rate_limits;
mod read;
mod records;
mod retry;
mod revocations;
mod session;
mod spaces;
mod sqlstate;
mod store;
mod transaction;
mod usage;

pub use driver_failure::DriverFailure;
pub use error::OpenError;
pub use inspection::{Inspection, Writes, inspect, unused_indexes};
pub use job_leases::{JobClaim, JobTimes};
pub use notifications::{NotificationError, Notifications};
pub use options::PostgresOptions;
pub use store::PostgresStorage;

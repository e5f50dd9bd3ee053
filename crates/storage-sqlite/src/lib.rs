//! The embedded storage adapter of less-sync: one SQLite database file, opened by one process.
//!
//! Implementation of the contract of `less-sync-storage` for tests, single-user hosting and examples. All writes go
//! through one thread that commits whatever has queued as one transaction (natural batching); reads run on a few
//! connections of their own and hold nothing between two pages. Independent of the wire and of HTTP.
//!
//! ```no_run
//! use less_sync_storage_sqlite::{SqliteOptions, SqliteStorage};
//!
//! # async fn example() -> Result<(), less_sync_storage_sqlite::OpenError> {
//! let storage = SqliteStorage::open(SqliteOptions::new("/var/lib/less-sync/sync.db"))?;
//! // … serve; every 60 s: storage.checkpoint().await …
//! storage.close().await;
//! # Ok(())
//! # }
//! ```

mod access;
mod clock;
mod connection;
mod cursor_jump;
mod database_copy;
mod database_file;
mod deks;
mod disk_reserve;
mod epoch_keys;
mod epochs;
mod error;
mod federation_keys;
mod file_names;
mod files;
mod foreign_database;
mod foreign_objects;
mod forget_jump;
mod home_hints;
mod home_routes;
mod inspection;
mod inventory;
mod invitations;
mod issuer_bindings;
mod maintenance;
mod members;
mod migrate;
mod objects;
mod options;
mod peer_states;
mod pull;
mod purge;
mod push;
mod random;
mod rate_limits;
mod readers;
mod records;
mod restored_database;
mod revocations;
mod spaces;
mod store;
mod tombstone;
mod usage;
mod verify;
mod writer;

pub use cursor_jump::jump_cursors;
pub use database_copy::DatabaseCopy;
pub use error::OpenError;
pub use file_names::Alias;
pub use foreign_objects::ForeignObjects;
pub use inspection::unused_indexes;
pub use maintenance::Maintenance;
pub use migrate::{
    SchemaEntry, SchemaState, SchemaStatus, SchemaStep, latest_schema_version, migrate, schema_status,
};
pub use options::SqliteOptions;
pub use restored_database::{RestoredDatabase, require_missing};
pub use store::SqliteStorage;
pub use verify::verify;
pub use writer::Checkpoint;

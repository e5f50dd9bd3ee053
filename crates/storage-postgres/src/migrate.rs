//! Migrations: the history of the schema, embedded, with the bookkeeping of storage §2.2.
//!
//! A [`Migrator`] works on a connection of its own, which it closes on every path, under the advisory lock of the
//! database: two starters run every migration once, and both come up. It adopts databases that the original
//! server wrote, and rejects unknown ones without changing them (storage §2.3).
//!
//! ```no_run
//! use less_sync_storage_postgres::migrate::{Migrator, Up};
//!
//! # async fn example() -> Result<(), less_sync_storage_postgres::migrate::MigrateError> {
//! let migrator = Migrator::new("postgres://less_sync@localhost/less_sync".parse()?);
//! migrator.up(&Up::default(), &mut |event| println!("{event:?}")).await?;
//! # Ok(())
//! # }
//! ```

mod adopt;
mod catalog;
mod connection;
mod down;
mod error;
mod files;
mod history;
mod jump;
mod libpq;
mod lock;
mod maintenance;
mod migrator;
mod original;
mod owners;
mod position;
mod restore;
mod run;
mod script;
mod snapshot;
mod status;
mod up;
mod url;
mod verify;

pub use catalog::{Drift, Fingerprint};
pub use down::{Down, Target};
pub use error::MigrateError;
pub use files::latest_version;
pub(crate) use jump::require_complete;
pub use libpq::LibpqAddress;
pub use maintenance::Maintenance;
pub use migrator::Migrator;
pub use owners::StrayFile;
pub(crate) use restore::require_none;
pub use run::{Event, Step};
pub use snapshot::Snapshot;
pub use status::{Entry, State, Status};
pub use up::Up;
pub use url::{DatabaseUrl, InvalidDatabaseUrl};

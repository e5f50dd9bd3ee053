//! Key directory of a less-sync user: one identity, and the keys and rights of spaces.
//!
//! ```text
//! identity.json          private key of the identity
//! spaces/<space>.json    rights and keys of a shared space, and a pending rotation
//! personal/<space>.json  key of a personal space
//! logins.json            tokens of logins at issuers, one login per server
//! lock                   lock file, held while a file is written
//! ```
//!
//! Every file is readable by its owner only. A file or directory that other users can access is rejected, because its
//! keys may be exposed. Writes replace a whole file atomically and are durable when they return. The lock file
//! serializes read-modify-write cycles of concurrent processes.
//!
//! Nothing is encrypted at rest: the directory is as safe as the account of its owner. The crate performs no network
//! access.
//!
//! ```
//! use less_sync_disk::DirectorySync;
//! use less_sync_keystore::KeyDirectory;
//!
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("keys");
//! let keys = KeyDirectory::new(path, DirectorySync::required());
//! assert!(keys.identity()?.is_none());
//! let identity = keys.identity_or_create()?;
//! assert_eq!(keys.identity()?.map(|stored| stored.did().clone()).as_ref(), Some(identity.did()));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod directory;
mod error;
mod login;
mod personal;
mod private_file;
mod stored_space;

pub use directory::KeyDirectory;
pub use error::KeystoreError;
pub use login::StoredLogin;
pub use stored_space::{PendingRotation, StoredSpace};

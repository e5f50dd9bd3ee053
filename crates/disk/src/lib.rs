//! Private files and durable directories, for the server and the toolbox.
//!
//! A file is durable once its content and the directory that names it are synchronised. Some file systems cannot synchronise
//! directories; [`DirectorySync`] is the policy for them.

mod complete_file;
mod directory_sync;
mod private_file;
mod replaceable;
mod replacement;

pub use complete_file::create_complete;
pub use directory_sync::{DirectorySync, UnsyncedDirectory};
pub use private_file::{create_private, create_private_directory, open_private};
pub use replaceable::replaceable;
pub use replacement::replace_private;

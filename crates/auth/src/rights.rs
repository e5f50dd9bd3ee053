//! Rights that operations require of a caller (auth §10). Those of RPC methods are in the
//! [method table](less_sync_core::wire::method::Method).

use less_sync_core::Permission;
pub use less_sync_core::rights::{Access, Rights, Scope};

/// Rights for `GET` and `HEAD` of a file.
pub const DOWNLOAD: Rights = Rights::files(Permission::Read);

/// Rights for `PUT` of a file.
pub const UPLOAD: Rights = Rights::files(Permission::Write);

//! Federation: trust in other servers, keys, and the links to them (federation §24).
//!
//! | module | contents |
//! |---|---|
//! | [`own_keys`] | signing keys of this server: creation, loading, the published key set |
//! | [`discovery`], [`fetch`] | discovery documents of other servers, and the port they are fetched through |
//! | [`inbound`] | links that peers dial: authentication of the upgrade, and the requests on them |
//! | [`outbound`] | links that this server dials, and the calls on them |
//! | [`peer_keys`] | keys of peers: static ones and those of their key sets |
//! | [`trust`] | peers of the environment and of the peers file, reloaded while the server runs |
//!
//! An optional part: nothing but the composition depends on this crate, and no other edge names it.

mod bucket;
mod by_peer;
pub mod discovery;
pub mod fetch;
pub mod inbound;
pub mod outbound;
pub mod own_keys;
pub mod peer_keys;
mod signed_headers;
pub mod trust;

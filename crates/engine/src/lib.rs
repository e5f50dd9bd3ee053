//! The use cases of less-sync, one per file: authorize → check → store → publish.
//!
//! The engine knows no socket, no HTTP, no SQL and no CBOR. What it needs of the world it asks for through the
//! ports in [`ports`].

mod action_limits;
mod authenticate;
mod authorize;
mod budget;
mod chain_cache;
mod counters;
mod create_space;
mod credentials;
mod deks;
mod engine;
mod epoch_keys;
mod epochs;
mod error;
pub mod files;
pub mod fsck;
mod generation_cache;
mod invitations;
mod issuer_keys;
mod key_set_source;
mod membership;
pub mod ports;
mod pull;
mod purge;
mod push;
mod revocation;
mod signature_cache;
mod space_cache;
mod subscribe;

pub use authenticate::{Authenticator, IssuerStatus};
pub use counters::{Counter, Gauge};
pub use credentials::Credentials;
pub use deks::{Keyed, Listing};
pub use engine::{Engine, EngineSettings};
pub use error::EngineError;
pub use files::Files;
pub use invitations::Letter;
pub use key_set_source::{FetchMode, FetchedKeySet, KeySetError, KeySetSource};
pub use membership::Append;
pub use ports::{
    AppendedEvent, Clock, EventSink, FileEvent, Job, PushedEvent, RevokedEvent, SpaceEvent, Spawner,
};
pub use pull::Pull;
pub use purge::{purge_actions, purge_invitations};
pub use revocation::Revocation;
pub use subscribe::{CatchUp, Subscribed};

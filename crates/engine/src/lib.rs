//! Use cases of the less-sync server: each authorizes the caller, checks the request, stores and publishes.
//!
//! | Use case | Entry point |
//! |---|---|
//! | authentication of access tokens, key sets of issuers | [`Authenticator`] |
//! | issuers of DIDs and mailboxes | [`IssuerGate`] |
//! | push, pull, subscribe, membership, epochs, DEKs, invitations | methods of [`Engine`] |
//! | files: upload, download, deletion, sweeper | [`Files`] |
//! | consistency check of object store and database | [`fsck`] |
//! | purge of expired rows | [`purge_invitations`], [`purge_actions`] |
//!
//! The crate contains no socket, HTTP, SQL or CBOR. Edges (`realtime`, `api`) decode requests, call a use case and map
//! [`EngineError`] or [`FileError`](files::FileError) to their protocol. Adapters implement the storage contract, and the
//! process provides time, tasks, randomness, key sets and the receiver of events through the traits of [`ports`],
//! [`Random`] and [`KeySetSource`].
//!
//! Access to a space takes a grant, and only the authorizer of this crate issues grants: a use case that does not authorize
//! does not compile.

mod action_limits;
mod authenticate;
mod authentication_metrics;
mod authorize;
mod budget;
mod chain_cache;
mod create_space;
mod credentials;
mod deks;
mod engine;
mod epoch_keys;
mod epochs;
mod error;
mod failed_verifications;
pub mod files;
pub mod fsck;
mod generation_cache;
mod invitations;
mod issuer_gate;
mod issuer_keys;
mod key_set_source;
mod keyed_semaphores;
mod log_share;
mod measured_storage;
mod membership;
mod owners;
pub mod ports;
mod pull;
mod purge;
mod push;
mod quota_rejections;
mod random;
mod revocation;
mod signature_cache;
mod space_cache;
mod subscribe;
mod tallies;
#[cfg(test)]
mod test_caller;
mod verification;

pub use authenticate::{Authenticator, IssuerStatus};
pub use credentials::Credentials;
pub use deks::Listing;
pub use engine::{Engine, EngineDeps, EngineSettings};
pub use error::EngineError;
pub use failed_verifications::FailedVerifications;
pub use files::Files;
pub use invitations::InvitationDraft;
pub use issuer_gate::IssuerGate;
pub use issuer_keys::KeySetDeps;
pub use key_set_source::{FetchMode, FetchedKeySet, KeySetError, KeySetSource};
pub use keyed_semaphores::KeyedSemaphores;
pub use measured_storage::MeasuredStorage;
pub use membership::Append;
pub use ports::{
    AppendedEvent, Clock, FileEvent, Job, MailboxNotices, PushedEvent, RevokedEvent, SpaceEvent, SpaceEvents,
    Spawner,
};
pub use pull::Pull;
pub use purge::{purge_actions, purge_invitations};
pub use push::QueuedPush;
pub use random::Random;
pub use revocation::Revocation;
pub use subscribe::{CatchUp, Subscribed};
pub use tallies::Tallies;

//! Use cases of the less-sync server: each authorizes the caller, checks the request, stores and publishes.
//!
//! | Use case | Entry point |
//! |---|---|
//! | authentication of access tokens, key sets of issuers | [`Authenticator`] |
//! | issuers of DIDs and mailboxes | [`IssuerGate`] |
//! | push, pull, subscribe, membership, epochs, DEKs, invitations | methods of [`Engine`] |
//! | files: upload, download, deletion, sweeper | [`Files`] |
//! | consistency check of object store and database | [`fsck`] |
//! | removal of a space by the operator | [`Engine::purge_space`] |
//! | pending rewraps | [`PendingRewrapGauges`] |
//! | purge of expired rows | [`purge_invitations`], [`purge_home_hints`], [`purge_stubs`], [`purge_actions`] |
//!
//! The crate contains no socket, HTTP, SQL or CBOR. Edges (`realtime`, `api`) decode requests, call a use case and map
//! [`EngineError`] or [`FileError`](files::FileError) to their protocol. Adapters implement the storage contract, and the
//! process provides time, tasks, randomness, key sets and the receiver of events through the traits of [`ports`],
//! [`Random`] and [`KeySetSource`].
//!
//! Access to a space takes a grant, and only the authorizer of this crate issues grants: a use case that does not authorize
//! does not compile.

mod action_limits;
mod actor;
mod authenticate;
mod authentication_metrics;
mod authorize;
mod budget;
mod chain_cache;
mod create_space;
mod credentials;
mod deks;
mod denials;
mod engine;
mod epoch_keys;
mod epochs;
mod error;
mod failed_verifications;
mod file_relay;
pub mod files;
pub mod fsck;
mod generation_cache;
mod held_blobs;
mod home_error;
mod invitation_relay;
mod invitations;
mod issuer_gate;
mod issuer_keys;
mod key_set_source;
mod keyed_semaphores;
mod live_nodes;
mod log_share;
mod measured_storage;
mod membership;
mod owners;
mod pending_rewraps;
pub mod ports;
mod presenter;
mod pull;
mod purge;
mod purge_space;
mod push;
mod quota_rejections;
mod random;
mod remote_rows;
mod remote_watch;
mod revocation;
mod rule;
mod signature_cache;
mod space_cache;
mod space_router;
mod subscribe;
mod subscription_basis;
mod tallies;
#[cfg(test)]
mod test_caller;
mod verification;

pub use authenticate::{Authenticator, IssuerStatus};
pub use credentials::Credentials;
pub use deks::{Listing, RewrapRight};
pub use denials::{Denial, Denials, Edge};
pub use engine::{Engine, EngineDeps, EngineSettings};
pub use error::EngineError;
pub use failed_verifications::FailedVerifications;
pub use file_relay::{
    BrokenBody, FILE_HEADERS, FileCall, FileMethod, FileRelayError, FileReply, RelayedBody,
};
pub use files::Files;
pub use held_blobs::HeldBlob;
pub use home_error::HomeError;
pub use invitation_relay::{InvitationRelay, NoRelay, OutgoingInvitation, RelayError};
pub use invitations::{Delivered, InvitationDraft};
pub use issuer_gate::IssuerGate;
pub use issuer_keys::KeySetDeps;
pub use key_set_source::{FetchMode, FetchedKeySet, KeySetError, KeySetSource};
pub use keyed_semaphores::KeyedSemaphores;
pub use live_nodes::LiveNodes;
pub use measured_storage::MeasuredStorage;
pub use membership::Append;
pub use pending_rewraps::PendingRewrapGauges;
pub use ports::{
    AppendedEvent, Clock, FileEvent, Job, MailboxNotices, PushedEvent, RevokedEvent, SpaceEvent, SpaceEvents,
    Spawner,
};
pub use presenter::{ForwardingServer, Presenter};
pub use pull::{BlobMemory, Pull};
pub use purge::{purge_actions, purge_home_hints, purge_invitations, purge_stubs};
pub use purge_space::Purged;
pub use push::QueuedPush;
pub use random::Random;
pub use remote_rows::{RemoteDekListing, RemoteDeks, RemotePull, RemoteRows};
pub use remote_watch::{HomeChange, HomeEvents, HomePosition, RemoteWatch};
pub use revocation::Revocation;
pub use rule::Rule;
pub use space_router::{
    HomeHandle, HomeQuery, HomeSearch, LocalOnly, RemoteCall, RemoteHome, RemoteResponse, RouteRejection,
    SpaceRouter,
};
pub use subscribe::{CatchUp, Subscribed, Subscription};
pub use subscription_basis::{
    IssuedToken, SubscribeTokens, SubscriptionBasis, SubscriptionProof, TokenChain,
};
pub use tallies::Tallies;

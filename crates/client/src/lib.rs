//! Client library for less-sync servers: connections, calls, streams, events, reconnection, files, encryption.
//!
//! | type | purpose |
//! |---|---|
//! | [`Dialer`] | opens one [`Connection`]: push, pull, subscribe, and every other method of the protocol |
//! | [`Session`] | keeps a device in sync: reconnects with back-off and fresh tokens, subscribes, and pulls from its cursors, so that every change is delivered in order |
//! | [`FileClient`] | uploads and downloads files over HTTP |
//! | [`crypto`] | encrypts records and files end to end |
//! | [`sharing`] | members, invitations and key rotation of shared spaces |
//! | [`IssuerClient`] | logs in at an issuer of access tokens |
//! | [`DevTokenClient`] | requests access tokens from a development server |
//!
//! All queues are bounded. A full queue delays its producer (calls, streams) or records a gap ([`Event::Lagged`]). Dropping
//! a handle aborts its tasks. Blobs and wrapped keys are shared slices of the message they were received in.
//!
//! The crate stores nothing: cursors, keys and records are the application's. It depends on the protocol and the rules for
//! credentials, not on a server.
//!
//! ```no_run
//! use less_sync_client::{AccessToken, Auth, Change, Dialer, Endpoint, PullItem, PullSpace};
//! use less_sync_core::{Cursor, RecordId, SpaceId};
//!
//! # async fn example(token: &str, space: SpaceId, record: RecordId) -> Result<(), Box<dyn std::error::Error>> {
//! let dialer = Dialer::new(Endpoint::from_base("http://127.0.0.1:5379/api/v1")?);
//! let (connection, _events) = dialer.dial(Auth::Token(AccessToken::from(token))).await?;
//!
//! let cursor = connection.push(space, &[Change::create(record, "ciphertext")]).await?;
//! println!("stored as {cursor}");
//!
//! let mut pull = connection.pull(&[PullSpace::from(space, Cursor::ZERO)]).await?;
//! while let Some(item) = pull.next().await {
//!     if let PullItem::Record(record) = item? {
//!         println!("{} at {}", record.id, record.cursor);
//!     }
//! }
//! connection.close().await;
//! # Ok(())
//! # }
//! ```

mod access;
mod backoff;
mod call;
mod calls;
mod connection;
pub mod crypto;
mod deks;
mod dev_tokens;
mod dial;
mod endpoint;
mod epoch;
mod error;
mod event;
mod files;
mod invitation;
mod issuer_client;
mod membership;
mod options;
mod pull;
mod push;
mod queue;
mod reconnect;
mod rows;
mod server_url;
pub mod sharing;
mod stream;
mod subscribe;
mod tls;
mod token;

pub use access::Access;
pub use backoff::Backoff;
pub use call::Response;
pub use connection::{Auth, Connection};
pub use deks::{DekId, DekRow, DekStream, Rewrap};
pub use dev_tokens::{DevTokenClient, DevTokenError, IssuedToken, TokenRequest};
pub use dial::Dialer;
pub use endpoint::{Endpoint, InvalidEndpoint};
pub use epoch::{Begun, Share};
pub use error::{CallError, Cause, Code, DialError, Ended, LogError, PullError, PushError};
pub use event::{Event, Events, FilesEvent, MembershipEvent, PeerEvent, SyncEvent};
pub use files::{
    Download, FileClient, FileDescription, FileError, FileHead, NotAFile, RemoteFile, Stored, Upload,
};
pub use invitation::Invitation;
pub use issuer_client::{IssuerClient, IssuerError, IssuerTokens, PasswordLogin};
pub use membership::{AppendKind, Log, LogHead};
pub use options::{Bound, Options, Tap};
pub use pull::{OnCursorAhead, PullItem, PullSpace, PullStream, PullSummary};
pub use push::{Change, PushOptions};
pub use reconnect::{Connect, Interruption, Session, SpacePlan, Update};
pub use rows::{FileRow, MembershipEntry, RecordRow};
pub use server_url::ServerUrl;
pub use stream::{Chunk, ChunkStream};
pub use subscribe::{Peer, Subscribed, Watch, WatchedSpace};
pub use tls::{TlsError, is_certificate_error, native_roots};
pub use token::{AccessToken, TokenProvider, TokenUnavailable};

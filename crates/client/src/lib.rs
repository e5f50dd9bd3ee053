//! A client of less-sync: dial, authenticate, call, stream, hear of changes, reconnect.
//!
//! [`Dialer`] opens one [`Connection`] and nothing more; it is what servers use between each other, and what
//! tests and benchmarks stand on. [`Session`] keeps a device in sync: it dials again with back-off,
//! authenticates with fresh tokens, subscribes again, and pulls from where it stands, so that its owner sees
//! every change exactly once and in order.
//!
//! Nothing here grows without a bound: a queue that is full makes its producer wait (calls, streams) or is
//! remembered as a gap ([`Event::Lagged`]). Dropping a handle ends its tasks. Blobs and keys are slices of the
//! message they came in.
//!
//! [`crypto`] and [`sharing`] are for spaces that several people share: encryption of records, invitations, members,
//! rotation of keys. [`FileClient`] takes files there and back over HTTP. The rest moves bytes and does not care what is
//! in them.
//!
//! It knows nothing of a server's insides, and keeps no data.
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
mod membership;
mod options;
mod pending;
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
pub use call::Answer;
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
pub use membership::{AppendKind, Log, LogHead};
pub use options::{Bound, Options, Tap};
pub use pull::{OnCursorAhead, PullItem, PullSpace, PullStream, PullSummary};
pub use push::{Change, PushOptions};
pub use reconnect::{Connect, Interruption, Session, SpacePlan, Update};
pub use rows::{FileRow, MembershipEntry, RecordRow};
pub use server_url::ServerUrl;
pub use stream::{Chunk, ChunkStream};
pub use subscribe::{Peer, Subscribed, Watch, WatchedSpace};
pub use tls::{TlsError, native_roots};
pub use token::{AccessToken, TokenProvider, TokenUnavailable};

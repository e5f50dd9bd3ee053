//! Links that this server dials, and the calls on them (federation §8, §12.1–§12.3).
//!
//! | module | contents |
//! |---|---|
//! | [`dialer`] | port to sockets: the upgrade request, frames in both directions |
//! | [`timing`] | timers and bounds |
//! | [`transfers`] | port to HTTP requests with streamed bodies |
//!
//! One peer object per peer dials at most one link at a time, only for a call, and only while the peer is trusted. A link
//! consists of a reader, a writer and a table of pending calls; the reader waits for nothing but its socket.

mod call;
mod chunk_queue;
mod dek_relay;
mod delivered_rows;
pub mod dialer;
mod event_metrics;
mod hello;
mod home;
mod idem;
mod interests;
mod invitations;
mod link;
mod link_end;
mod links;
mod listener;
mod metrics;
mod notice;
mod peer;
mod pending;
mod pull_relay;
mod reader;
mod received_rows;
mod redial;
mod response;
mod resumptions;
mod search;
mod shared;
mod start;
mod target;
mod terms;
mod timed_body;
pub mod timing;
pub mod transfers;
mod upgrade;
mod writer;

pub use call::{OutboundCall, Repeat};
pub use home::HomeRouter;
pub use invitations::InvitationSender;
pub use links::Outbound;
pub use search::HomeStore;
pub use shared::{OutboundDeps, OutboundSettings};

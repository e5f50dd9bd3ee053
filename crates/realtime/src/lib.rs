//! WebSocket edge of less-sync: connections, RPC methods, live events, presence.
//!
//! - An [`Endpoint`] has the route for the upgrade and the state that all connections share.
//! - A connection is a sans-I/O state machine (`session`): input and time go in, actions come out. One task per connection
//!   (`driver`) runs it over a socket (`socket`).
//! - A request is parsed into a `call`, dispatched by `methods` over the
//!   [method table](less_sync_core::wire::method::Method) of core, and executed by a handler, which passes typed commands to
//!   the engine and maps errors to responses (`rpc_error`).
//! - The [`Broker`] receives the committed events of spaces from the engine and delivers them to the subscribers, in order.
//! - Every frame to a client passes through the bounded [`Outbox`] of its connection: replies with backpressure, durable
//!   events that close a slow consumer, ephemeral events that displace the oldest.
//!
//! - A link of another server ([`LinkUpgrade`]) is a connection of another kind: `session`, `methods` and the outbox are the same.
//!
//! This crate contains no SQL and no file transfers over HTTP.

mod batch;
mod broker;
mod call;
mod comparison;
mod connection;
mod context;
mod cooperation;
mod driver;
mod endpoint;
mod forward_order;
mod frame_metrics;
mod identity;
mod inbound_memory;
mod inbound_pace;
mod limits;
mod link;
mod link_limits;
mod listed_dek_bounds;
mod mailbox_notifier;
mod message_part;
mod methods;
mod metrics;
mod node_events;
mod open_connection;
mod operator;
mod outbox;
mod pace;
mod position_check;
mod presence;
mod presence_sweep;
mod registry;
mod rejection_pace;
mod remote_changes;
mod repeats;
mod replay;
mod rfc3339;
mod rpc_error;
mod rpc_metrics;
mod server_link;
mod session;
mod slow_consumers;
mod socket;
mod stored_rows;
mod subscription_id;
mod subscriptions;
mod upgrade;
mod watched_spaces;

pub use broker::{Broker, BrokerSettings, Confirmation, Position, SubscriptionStart};
pub use endpoint::{Endpoint, EndpointDeps};
pub use limits::Limits;
pub use link::LinkUpgrade;
pub use link_limits::LinkLimits;
pub use mailbox_notifier::MailboxNotifier;
pub use message_part::MessagePart;
pub use metrics::{BrokerMetrics, ConnectionMetrics, MailboxMetrics};
pub use node_events::NodeEvents;
pub use open_connection::TrafficTotals;
pub use operator::{ConnectedActor, ConnectionStage, ConnectionState};
pub use outbox::{AfterWrite, Closed, Delivered, Outbox, OutboxLimits, Outgoing, PendingSubscription, Reply};
pub use position_check::PositionCheck;
pub use presence_sweep::PresenceSweep;
pub use remote_changes::RemoteChanges;
pub use repeats::RepeatMemory;
pub use server_link::{HelloRejection, LinkParts, LinkPeer, QuotaExceeded, Welcome};
pub use slow_consumers::SlowConsumer;
pub use subscription_id::SubscriptionId;
pub use watched_spaces::WatchedSpaces;

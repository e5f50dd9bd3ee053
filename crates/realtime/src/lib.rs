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
//! This crate contains no SQL and no file transfers over HTTP.

mod broker;
mod call;
mod connection;
mod context;
mod cooperation;
mod driver;
mod endpoint;
mod frame_metrics;
mod inbound_memory;
mod limits;
mod listed_dek_bounds;
mod mailbox_notifier;
mod methods;
mod metrics;
mod outbox;
mod position_check;
mod presence;
mod presence_sweep;
mod registry;
mod rejection_pace;
mod rfc3339;
mod rpc_error;
mod rpc_metrics;
mod session;
mod socket;
mod stored_rows;
mod subscription_id;
mod subscriptions;
mod upgrade;

pub use broker::{Broker, BrokerSettings, Confirmation, Position, SubscriptionStart};
pub use endpoint::{Endpoint, EndpointDeps};
pub use limits::Limits;
pub use mailbox_notifier::MailboxNotifier;
pub use metrics::{BrokerMetrics, ConnectionMetrics, MailboxMetrics};
pub use outbox::{AfterWrite, Closed, Delivered, Outbox, OutboxLimits, Outgoing, PendingSubscription, Reply};
pub use position_check::PositionCheck;
pub use presence_sweep::PresenceSweep;
pub use subscription_id::SubscriptionId;

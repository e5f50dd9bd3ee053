//! The WebSocket edge of less-sync: connections, methods, broker, presence.
//!
//! A connection is a sans-I/O session (`session`) driven by a small loop (`driver`) over a socket (`socket`). Its calls
//! are carried out by `methods`, which hand typed commands to the engine. What happened in a space reaches everybody else
//! through the [`Broker`], the engine's port for events of spaces, by way of a bounded [`Outbox`] per connection.
//!
//! It knows nothing of SQL and of HTTP files.

mod broker;
mod call;
mod connection;
mod context;
mod driver;
mod endpoint;
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
mod rfc3339;
mod rpc_error;
mod session;
mod socket;
mod stored_rows;
mod subscription_id;
mod subscriptions;
mod upgrade;

pub use broker::{Broker, BrokerSettings, Confirmation, Position, SubscriptionStart};
pub use endpoint::{Endpoint, Parts};
pub use limits::Limits;
pub use mailbox_notifier::MailboxNotifier;
pub use metrics::{BrokerMetrics, ConnectionMetrics, MailboxMetrics, Sample, SampleKind};
pub use outbox::{AfterWrite, Closed, Delivered, Outbox, OutboxLimits, Outgoing, PendingSubscription, Reply};
pub use position_check::PositionCheck;
pub use presence_sweep::PresenceSweep;
pub use subscription_id::SubscriptionId;

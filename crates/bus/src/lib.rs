//! Messages between the nodes of a deployment (decision 0033).
//!
//! A deployment is a set of processes on one database. A [`Node`] tells the others what has happened on it, in batches, and
//! passes on what they tell; a [transport](less_sync_engine::ports::FanoutBus) carries the batches: [`LocalBus`] between
//! nodes of one process, [`PostgresBus`] by notifications of the database, `NatsBus` over a NATS server (feature `nats`).
//!
//! Transports may lose, repeat and reorder. Numbers of batches show losses, a node that does not receive its own messages
//! takes its transport for broken, and both lead to comparisons of the watched spaces with the database.

mod batch;
mod health;
mod interest;
mod listened_shards;
mod local;
mod message;
mod metrics;
#[cfg(feature = "nats")]
mod nats;
mod node;
mod outgoing;
mod peers;
mod postgres;
mod rejection;

pub use health::BusHealth;
pub use local::{Faults, LocalBus, LocalHub};
pub use metrics::register_idle;
#[cfg(feature = "nats")]
pub use nats::{InvalidNatsOptions, NatsBus, NatsOptions};
pub use node::{Node, NodeFacts, NodeTimes};
pub use postgres::PostgresBus;

//! Links: connections of other servers (federation §8).
//!
//! [`Endpoint::begin_link`] does the checks of an upgrade that concern no federation; [`LinkUpgrade::accept`] responds with 101
//! and serves the link until it ends. A link has the session, the handlers and the queues of a connection of a client, with
//! another identity, other bounds and another table of methods. Links share the limits of pending upgrades, the memory for
//! messages, and the shutdown of the endpoint.
//!
//! [`Endpoint::begin_link`]: crate::Endpoint::begin_link

mod upgrade;

pub use upgrade::LinkUpgrade;

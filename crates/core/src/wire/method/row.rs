//! Properties of a method, and constructors for the rows of the method table.

use crate::Permission;
use crate::rights::{Access, Rights};

/// Envelope in which a method is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// First frame of a connection, read by the handshake. Means nothing later.
    Handshake,
    /// Method with exactly one response.
    Request {
        /// Text between "invalid" and "params" in the error for undecodable params (protocol §3.4).
        params_label: &'static str,
    },
    /// Notification without a response; undecodable or rejected ones are ignored.
    Notification,
}

/// Queue of a connection in which a method runs (protocol §2.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lane {
    /// Calls take effect in arrival order; one at a time unless [pipelined](Row::is_pipelined).
    Ordered,
    /// Long responses, one at a time, beside the ordered lane. Starts after every ordered call received before it.
    Stream,
}

/// Kinds of connections on which a method is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Served {
    /// Connections of clients.
    Clients,
    /// Connections of clients, and links of servers that forward the calls of theirs (federation §9.1).
    Everywhere,
    /// Links of servers.
    Servers,
}

impl Served {
    /// Returns true for methods of clients.
    #[must_use]
    pub const fn to_clients(self) -> bool {
        matches!(self, Self::Clients | Self::Everywhere)
    }

    /// Returns true for methods of other servers.
    #[must_use]
    pub const fn to_servers(self) -> bool {
        matches!(self, Self::Servers | Self::Everywhere)
    }
}

/// Row of the method table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// Canonical name on the wire; also the value of the field `rpc` in logs and of the label `method` in metrics.
    pub name: &'static str,
    /// Further names with the same meaning.
    pub aliases: &'static [&'static str],
    /// Envelope in which the method is called.
    pub kind: Kind,
    /// Rights of the caller that the method requires.
    pub rights: Rights,
    /// Connections on which the method is served.
    pub served: Served,
    /// Queue in which the method runs.
    pub lane: Lane,
    /// Consecutive calls run concurrently, after each has taken its place in arrival order.
    pub is_pipelined: bool,
    /// A running call completes even if its connection ends: what it committed must still be published.
    pub is_detached: bool,
    /// Calls count against the rate limit of presence and events (protocol §1.10).
    pub is_ephemeral: bool,
}

impl Row {
    const fn new(kind: Kind, rights: Rights) -> Self {
        Self {
            name: "",
            aliases: &[],
            kind,
            rights,
            served: Served::Clients,
            lane: Lane::Ordered,
            is_pipelined: false,
            is_detached: false,
            is_ephemeral: false,
        }
    }

    pub(super) const fn handshake() -> Self {
        Self::new(Kind::Handshake, Rights::sync(Access::Connection))
    }

    /// A request in the ordered lane.
    pub(super) const fn request(params_label: &'static str, rights: Rights) -> Self {
        Self::new(Kind::Request { params_label }, rights)
    }

    pub(super) const fn notification(access: Access) -> Self {
        Self::new(Kind::Notification, Rights::sync(access))
    }

    pub(super) const fn named(self, name: &'static str, aliases: &'static [&'static str]) -> Self {
        Self { name, aliases, ..self }
    }

    pub(super) const fn streamed(self) -> Self {
        Self { lane: Lane::Stream, ..self }
    }

    /// The method is served to other servers as well.
    pub(super) const fn forwarded(self) -> Self {
        Self { served: Served::Everywhere, ..self }
    }

    /// The method is served to other servers alone.
    pub(super) const fn between_servers(self) -> Self {
        Self { served: Served::Servers, ..self }
    }

    pub(super) const fn pipelined(self) -> Self {
        Self { is_pipelined: true, ..self }
    }

    pub(super) const fn detached(self) -> Self {
        Self { is_detached: true, ..self }
    }

    pub(super) const fn ephemeral(self) -> Self {
        Self { is_ephemeral: true, ..self }
    }
}

pub(super) const CONNECTED: Rights = Rights::sync(Access::Connection);
pub(super) const OWN_MAILBOX: Rights = Rights::sync(Access::OwnMailbox);
pub(super) const READ: Rights = Rights::sync(Access::Space(Permission::Read));
pub(super) const WRITE: Rights = Rights::sync(Access::Space(Permission::Write));
pub(super) const ADMIN: Rights = Rights::sync(Access::Space(Permission::Admin));
pub(super) const READ_FILES: Rights = Rights::files(Permission::Read);
pub(super) const ADMIN_FILES: Rights = Rights::files(Permission::Admin);

//! Presenter of a UCAN chain: a user, or a server that forwards the requests of its users.

use std::fmt;
use std::hash::{BuildHasher, RandomState};

use less_sync_auth::Caller;

/// Server that forwards requests of its users to this one (federation §2.6). It has no user, token or scopes: its requests are
/// authorized by the chains in them alone.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ForwardingServer {
    name: Box<str>,
}

impl ForwardingServer {
    /// The server with this authenticated name.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self { name: name.into() }
    }

    /// Authenticated name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// Presenter of the credentials of a request. `Debug` shows no user.
#[derive(Clone, Copy)]
pub enum Presenter<'a> {
    /// Owner of an access token, who is the audience of their chains.
    User(&'a Caller),
    /// Server that forwards the request of a user. The audience of a chain is the one that the chain itself names (federation §9.1).
    Server(&'a ForwardingServer),
}

impl<'a> Presenter<'a> {
    /// The user; `None` for a server.
    #[must_use]
    pub fn user(self) -> Option<&'a Caller> {
        match self {
            Self::User(caller) => Some(caller),
            Self::Server(_) => None,
        }
    }

    /// Hash of the presenter: the same for all requests of one user, or of one server.
    pub(crate) fn hash_by(self, hasher: &RandomState) -> u64 {
        match self {
            Self::User(caller) => hasher.hash_one((&caller.issuer, &caller.user_id)),
            Self::Server(server) => hasher.hash_one(server),
        }
    }
}

impl<'a> From<&'a Caller> for Presenter<'a> {
    fn from(caller: &'a Caller) -> Self {
        Self::User(caller)
    }
}

impl fmt::Debug for Presenter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(_) => f.write_str("User([redacted])"),
            Self::Server(server) => f.debug_tuple("Server").field(server).finish(),
        }
    }
}

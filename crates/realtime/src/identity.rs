//! Identity at the other end of a connection: a user, or another server.

use std::sync::Arc;

use less_sync_auth::Caller;
use less_sync_core::MailboxId;
use less_sync_engine::Presenter;
use parking_lot::RwLock;

use crate::server_link::ServerLink;

/// Identity at the other end of a connection.
pub(crate) enum Identity {
    /// User with an access token, which a refresh replaces.
    User(RwLock<Arc<Caller>>),
    /// Server that forwards the requests of its users (federation §2.6).
    Server(Arc<ServerLink>),
}

impl Identity {
    /// Identity of the user that `caller` describes.
    pub(crate) fn user(caller: Caller) -> Self {
        Self::User(RwLock::new(Arc::new(caller)))
    }

    /// Identity as of now.
    pub(crate) fn current(&self) -> CurrentIdentity {
        match self {
            Self::User(caller) => CurrentIdentity::User(caller.read().clone()),
            Self::Server(link) => CurrentIdentity::Server(link.clone()),
        }
    }

    /// Mailbox of the user, if there is one.
    pub(crate) fn mailbox(&self) -> Option<MailboxId> {
        match self {
            Self::User(caller) => caller.read().mailbox_id,
            Self::Server(_) => None,
        }
    }

    /// Link of the server; `None` for a user.
    pub(crate) fn server(&self) -> Option<&ServerLink> {
        match self {
            Self::User(_) => None,
            Self::Server(link) => Some(link),
        }
    }
}

/// Identity as of one moment.
#[derive(Clone)]
pub(crate) enum CurrentIdentity {
    /// User, from the latest accepted token.
    User(Arc<Caller>),
    /// Server that forwards the requests of its users.
    Server(Arc<ServerLink>),
}

impl CurrentIdentity {
    /// Presenter of the credentials of requests.
    pub(crate) fn presenter(&self) -> Presenter<'_> {
        match self {
            Self::User(caller) => Presenter::User(caller),
            Self::Server(link) => Presenter::Server(link.server()),
        }
    }

    /// The user; `None` for a server.
    pub(crate) fn user(&self) -> Option<&Caller> {
        match self {
            Self::User(caller) => Some(caller),
            Self::Server(_) => None,
        }
    }
}

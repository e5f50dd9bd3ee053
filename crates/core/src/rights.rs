//! Rights that an operation requires of its caller: a scope of the token and an access level (auth §10, protocol §4.1).

use crate::Permission;

/// Scope of an access token that an operation requires.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Connecting, and every method unless its row says otherwise.
    Sync,
    /// Contents and keys of files. Methods that serve keys waive this scope while a space has no files (protocol D-31).
    Files,
}

impl Scope {
    /// The word in the `scope` claim of the token.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sync => "sync",
            Self::Files => "files",
        }
    }
}

/// Access level that an operation requires in addition to its scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// Any authenticated connection. Mailboxes of other users can be written to, not read.
    Connection,
    /// The mailbox named by the caller's own token, and no other.
    OwnMailbox,
    /// The permission in every space that the request names: implied in the caller's personal space, granted by a
    /// chain of UCANs in shared spaces, where revocations are looked up.
    Space(Permission),
    /// A live subscription of this connection to the space, for which reading was authorized.
    Subscription,
}

/// Scope and access level of one operation. The operation requires both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rights {
    /// Required scope of the caller's token.
    pub scope: Scope,
    /// Required access level.
    pub access: Access,
}

impl Rights {
    /// `access` under the scope `sync`.
    #[must_use]
    pub const fn sync(access: Access) -> Self {
        Self { scope: Scope::Sync, access }
    }

    /// `permission` in a space under the scope `files`.
    #[must_use]
    pub const fn files(permission: Permission) -> Self {
        Self { scope: Scope::Files, access: Access::Space(permission) }
    }
}

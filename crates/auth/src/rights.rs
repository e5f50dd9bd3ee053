//! What every method asks of its caller, as data (auth §10, protocol §4.1, newer-clients §4.1).

use less_sync_core::Permission;
use less_sync_core::wire::method;

/// What the user must have allowed the app to use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// To connect, and everything on the socket unless said otherwise.
    Sync,
    /// The bytes and the keys of files. Whoever serves keys waives it while a space has no files (protocol D-31).
    Files,
}

impl Scope {
    /// The word in the token.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sync => "sync",
            Self::Files => "files",
        }
    }
}

/// Which gate a request passes besides that of its scope. None of them widens what another rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Any authenticated connection. Mailboxes of others may be written to, not read.
    Connection,
    /// The mailbox that the caller's own token names, and no other.
    OwnMailbox,
    /// This level in every space that the request names: full rights in the caller's personal space, a chain in
    /// shared ones, where revocations are looked up.
    Space(Permission),
    /// A live subscription of this connection to the space, for which reading was allowed.
    Subscription,
}

/// What one method asks of its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rights {
    /// The scope of the caller's token.
    pub scope: Scope,
    /// The other gate.
    pub access: Access,
}

const CONNECTED: Rights = Rights { scope: Scope::Sync, access: Access::Connection };
const OWN_MAILBOX: Rights = Rights { scope: Scope::Sync, access: Access::OwnMailbox };
const SUBSCRIBED: Rights = Rights { scope: Scope::Sync, access: Access::Subscription };
const READ: Rights = Rights { scope: Scope::Sync, access: Access::Space(Permission::Read) };
const WRITE: Rights = Rights { scope: Scope::Sync, access: Access::Space(Permission::Write) };
const ADMIN: Rights = Rights { scope: Scope::Sync, access: Access::Space(Permission::Admin) };
const READ_FILES: Rights = Rights { scope: Scope::Files, ..READ };
const WRITE_FILES: Rights = Rights { scope: Scope::Files, ..WRITE };
const ADMIN_FILES: Rights = Rights { scope: Scope::Files, ..ADMIN };

/// `GET` and `HEAD` of a file.
pub const DOWNLOAD: Rights = READ_FILES;

/// `PUT` of a file.
pub const UPLOAD: Rights = WRITE_FILES;

/// What `method` asks of a client; `None` for names that are no request and no notification of one.
///
/// `membership.append` needs no more than reading, so that an invited reader can log that they accept; the chain of
/// hashes and the signatures of clients protect the log (protocol D-28).
#[must_use]
pub fn rights(method: &str) -> Option<Rights> {
    Some(match method {
        method::AUTH
        | method::TOKEN_REFRESH
        | method::UNSUBSCRIBE
        | method::SPACE_CREATE
        | method::INVITATION_CREATE => CONNECTED,
        method::INVITATION_LIST | method::INVITATION_GET | method::INVITATION_DELETE => OWN_MAILBOX,
        method::PRESENCE_SET | method::PRESENCE_CLEAR | method::EVENT_SEND => SUBSCRIBED,
        method::SUBSCRIBE
        | method::PULL
        | method::MEMBERSHIP_APPEND
        | method::MEMBERSHIP_LIST
        | method::EPOCH_KEYS_GET
        | method::DEKS_GET => READ,
        method::PUSH => WRITE,
        method::MEMBERSHIP_REVOKE
        | method::EPOCH_BEGIN
        | method::EPOCH_COMPLETE
        | method::EPOCH_KEYS_PUT
        | method::DEKS_REWRAP => ADMIN,
        method::DEKS_GET_FILES | method::FILE_DEKS_GET => READ_FILES,
        method::DEKS_REWRAP_FILES | method::FILE_DEKS_REWRAP => ADMIN_FILES,
        _ => return None,
    })
}

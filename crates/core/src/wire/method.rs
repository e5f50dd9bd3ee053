//! The method table: every method that a client or another server calls, with its names, rights and scheduling (protocol §4,
//! newer-clients §4, federation §9.1); and the names of the notifications that a server sends (protocol §5.1).
//!
//! A method is one row of [`Method`]: the name on the wire is parsed once into the enum, and everything else about the
//! method is read from its [`Row`].

mod row;

use row::{ADMIN, ADMIN_FILES, CONNECTED, OWN_MAILBOX, READ, READ_FILES, WRITE};
pub use row::{Kind, Lane, Row, Served};

use crate::rights::Access;

/// Declares [`Method`], its table, and a constant for each name: variant, constant, name, aliases, row.
macro_rules! methods {
    ($($(#[$doc:meta])* $method:ident, $constant:ident = $name:literal $(| $alias:literal)* => $row:expr;)+) => {
        /// A method that a client or another server calls.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Method {
            $($(#[$doc])* $method,)+
        }

        impl Method {
            /// Every method, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$method),+];

            /// The method with this name or alias.
            #[must_use]
            pub fn parse(name: &str) -> Option<Self> {
                match name {
                    $($name $(| $alias)* => Some(Self::$method),)+
                    _ => None,
                }
            }

            /// Properties of the method.
            #[must_use]
            pub const fn row(self) -> &'static Row {
                match self {
                    $(Self::$method => const { &$row.named($name, &[$($alias),*]) },)+
                }
            }
        }

        $(
            #[doc = concat!("Name of [`Method::", stringify!($method), "`].")]
            pub const $constant: &str = $name;
        )+
    };
}

// `push` and `pull` come first because names are compared in this order.
methods! {
    /// Writes records.
    Push, PUSH = "push" => Row::request("push", WRITE).forwarded().pipelined().detached();
    /// Streams everything that changed since a cursor.
    Pull, PULL = "pull" => Row::request("pull", READ).forwarded().streamed();
    /// Subscribes to the events of spaces.
    Subscribe, SUBSCRIBE = "subscribe" => Row::request("subscribe", READ).forwarded();
    /// Ends subscriptions.
    Unsubscribe, UNSUBSCRIBE = "unsubscribe" => Row::notification(Access::Connection).forwarded();
    /// Replaces the own presence data in a space.
    PresenceSet, PRESENCE_SET = "presence.set" => Row::notification(Access::Subscription).forwarded().ephemeral();
    /// Removes the own presence data from a space.
    PresenceClear, PRESENCE_CLEAR = "presence.clear" => Row::notification(Access::Subscription).forwarded().ephemeral();
    /// Sends an ephemeral event to the other subscribers of a space.
    EventSend, EVENT_SEND = "event.send" => Row::notification(Access::Subscription).forwarded().ephemeral();
    /// Authenticates the connection.
    Auth, AUTH = "auth" => Row::handshake();
    /// Replaces the access token of the connection.
    TokenRefresh, TOKEN_REFRESH = "token.refresh" => Row::request("token refresh", CONNECTED);
    /// Creates a shared space.
    SpaceCreate, SPACE_CREATE = "space.create" => Row::request("space create", CONNECTED).detached();
    /// Appends an entry to the membership log. Requires no more than reading, so that an invited reader can log the
    /// acceptance; the hash chain and the clients' signatures protect the log (protocol D-28).
    MembershipAppend, MEMBERSHIP_APPEND = "membership.append" =>
        Row::request("membership append", READ).forwarded().detached();
    /// Reads the membership log.
    MembershipList, MEMBERSHIP_LIST = "membership.list" => Row::request("membership list", READ).forwarded();
    /// Revokes a UCAN.
    MembershipRevoke, MEMBERSHIP_REVOKE = "membership.revoke" =>
        Row::request("membership revoke", ADMIN).forwarded().detached();
    /// Delivers an invitation to a mailbox.
    InvitationCreate, INVITATION_CREATE = "invitation.create" =>
        Row::request("invitation create", CONNECTED).detached();
    /// Lists the invitations in the own mailbox.
    InvitationList, INVITATION_LIST = "invitation.list" => Row::request("invitation list", OWN_MAILBOX);
    /// Reads one invitation of the own mailbox.
    InvitationGet, INVITATION_GET = "invitation.get" => Row::request("invitation get", OWN_MAILBOX);
    /// Deletes one invitation of the own mailbox.
    InvitationDelete, INVITATION_DELETE = "invitation.delete" => Row::request("invitation delete", OWN_MAILBOX);
    /// Starts a key rotation.
    EpochBegin, EPOCH_BEGIN = "epoch.begin" => Row::request("epoch begin", ADMIN).forwarded();
    /// Completes a key rotation.
    EpochComplete, EPOCH_COMPLETE = "epoch.complete" => Row::request("epoch complete", ADMIN).forwarded();
    /// Stores a wrapped copy of the new space key for every member.
    EpochKeysPut, EPOCH_KEYS_PUT = "epochKeys.put" => Row::request("epochKeys.put", ADMIN).forwarded();
    /// Reads the caller's own wrapped copy of a space key.
    EpochKeysGet, EPOCH_KEYS_GET = "epochKeys.get" => Row::request("epochKeys.get", READ).forwarded();
    /// Lists the wrapped keys of records.
    DeksGet, DEKS_GET = "deks.get" => Row::request("deks get", READ).forwarded().streamed();
    /// Replaces wrapped keys of records.
    DeksRewrap, DEKS_REWRAP = "deks.rewrap" => Row::request("deks rewrap", ADMIN).forwarded();
    /// Lists the wrapped keys of files.
    DeksGetFiles, DEKS_GET_FILES = "deks.getFiles" | "file.deks.get" =>
        Row::request("file deks get", READ_FILES).forwarded().streamed();
    /// Replaces wrapped keys of files.
    DeksRewrapFiles, DEKS_REWRAP_FILES = "deks.rewrapFiles" | "file.deks.rewrap" =>
        Row::request("file deks rewrap", ADMIN_FILES).forwarded();
    /// Negotiates the capabilities of a link (federation §8.3).
    FedHello, FED_HELLO = "fed.hello" => Row::request("fed.hello", CONNECTED).between_servers();
    /// Delivers an invitation of a user of another server (federation §9.5).
    FedInvitation, FED_INVITATION = "fed.invitation" =>
        Row::request("", CONNECTED).between_servers().detached();
    /// Cancels a stream of the link (federation §9.8).
    FedCancel, FED_CANCEL = "fed.cancel" => Row::notification(Access::Connection).between_servers();
}

impl Method {
    /// The request method of clients with this name or alias.
    #[must_use]
    pub fn request(name: &str) -> Option<Self> {
        Self::any_request(name).filter(|method| method.row().served.to_clients())
    }

    /// The notification method of clients with this name or alias.
    #[must_use]
    pub fn notification(name: &str) -> Option<Self> {
        Self::any_notification(name).filter(|method| method.row().served.to_clients())
    }

    /// The request method of other servers with this name or alias (federation §9.1).
    #[must_use]
    pub fn server_request(name: &str) -> Option<Self> {
        Self::any_request(name).filter(|method| method.row().served.to_servers())
    }

    /// The notification method of other servers with this name or alias (federation §9.1).
    #[must_use]
    pub fn server_notification(name: &str) -> Option<Self> {
        Self::any_notification(name).filter(|method| method.row().served.to_servers())
    }

    fn any_request(name: &str) -> Option<Self> {
        Self::parse(name).filter(|method| matches!(method.row().kind, Kind::Request { .. }))
    }

    fn any_notification(name: &str) -> Option<Self> {
        Self::parse(name).filter(|method| method.row().kind == Kind::Notification)
    }

    /// Canonical name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.row().name
    }

    /// Text between "invalid" and "params" in the error for undecodable params (protocol §3.4). `None` for methods that
    /// are no requests.
    #[must_use]
    pub const fn params_label(self) -> Option<&'static str> {
        match self.row().kind {
            Kind::Request { params_label } => Some(params_label),
            Kind::Handshake | Kind::Notification => None,
        }
    }
}

/// Records were pushed (notification of a server, as are all that follow).
pub const SYNC: &str = "sync";
/// The membership log grew.
pub const MEMBERSHIP: &str = "membership";
/// Files were uploaded or deleted.
pub const FILE: &str = "file";
/// A UCAN of the space was revoked.
pub const REVOKED: &str = "revoked";
/// Subscriptions ended; subscribe again.
pub const RESUBSCRIBE: &str = "resubscribe";
/// The mailbox has new invitations.
pub const INVITATION: &str = "invitation";
/// Presence data of a peer.
pub const PRESENCE: &str = "presence";
/// A peer is no longer present.
pub const PRESENCE_LEAVE: &str = "presence.leave";
/// An ephemeral event of a peer, sent with [`Method::EventSend`].
pub const EVENT: &str = "event";

#[cfg(test)]
mod tests;

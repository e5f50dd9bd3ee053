//! `invitation.create`, `.list`, `.get` and `.delete` (protocol §4.11–§4.13).

use crate::cbor::{NonEmpty, OptionalItem, Required, ZeroIsAbsent, map};

map! {
    /// Params of `invitation.create`.
    pub struct InvitationCreateParams<'b> {
        /// Mailbox id: 64 lowercase hexadecimal digits, else a bad request.
        "mailbox_id" => mailbox_id: &'b str as Required,
        /// Opaque payload, 1 to [`limits::INVITATION_PAYLOAD`](crate::limits::INVITATION_PAYLOAD) bytes.
        "payload" => payload: &'b str as Required,
        /// Home server of the mailbox; absent: this server.
        "server" => server: Option<&'b str> as NonEmpty,
        /// Space hint for another server: 16 bytes (protocol §4.21).
        "tag" => tag: Option<&'b [u8]> as OptionalItem,
    }

    /// Invitation: the result of `invitation.create` and `invitation.get`.
    pub struct Invitation<'b> {
        /// Canonical UUID; [`FORWARDED`] when another server holds the invitation.
        "id" => id: &'b str as Required,
        /// Opaque payload, unchanged from the sender.
        "payload" => payload: &'b str as Required,
        /// Creation time, RFC 3339 in UTC; empty when forwarded.
        "created_at" => created_at: &'b str as Required,
        /// Expiry time, RFC 3339 in UTC; empty when forwarded.
        "expires_at" => expires_at: &'b str as Required,
    }

    /// Params of `invitation.list`.
    pub struct InvitationListParams<'b> {
        /// Maximum number of invitations; 0 or less: the default.
        "limit" => limit: i32 as ZeroIsAbsent,
        /// Id of the last invitation seen; a malformed id is a bad request.
        "after" => after: Option<&'b str> as NonEmpty,
    }

    /// Result of `invitation.list`.
    pub struct InvitationListResult<'b> {
        /// Invitations, oldest first.
        "invitations" => invitations: Vec<Invitation<'b>> as Required,
    }

    /// Params of `invitation.get` and `invitation.delete`.
    pub struct InvitationIdParams<'b> {
        /// Invitation id in any textual UUID form, else a bad request.
        "id" => id: &'b str as Required,
    }
}

/// Invitation id in the response for an invitation delivered to another server.
pub const FORWARDED: &str = "forwarded";

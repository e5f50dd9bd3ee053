//! `invitation.create`, `.list`, `.get` and `.delete` (protocol §4.11–§4.13).

use crate::cbor::{NonEmpty, OptionalItem, Required, ZeroIsAbsent, map};

map! {
    /// The params of `invitation.create`.
    pub struct InvitationCreateParams<'b> {
        /// 64 lowercase hex digits, else a bad request.
        "mailbox_id" => mailbox_id: &'b str as Required,
        /// 1 to [`limits::INVITATION_PAYLOAD`](crate::limits::INVITATION_PAYLOAD) bytes.
        "payload" => payload: &'b str as Required,
        /// Where the mailbox lives; absent = here.
        "server" => server: Option<&'b str> as NonEmpty,
        /// Space hint for another server: 16 bytes (protocol §4.21).
        "tag" => tag: Option<&'b [u8]> as OptionalItem,
    }

    /// An invitation: the result of `invitation.create` and `invitation.get`.
    pub struct Invitation<'b> {
        /// A canonical UUID; [`FORWARDED`] when another server holds it.
        "id" => id: &'b str as Required,
        /// As it was sent.
        "payload" => payload: &'b str as Required,
        /// RFC 3339, UTC; empty when forwarded.
        "created_at" => created_at: &'b str as Required,
        /// RFC 3339, UTC; empty when forwarded.
        "expires_at" => expires_at: &'b str as Required,
    }

    /// The params of `invitation.list`.
    pub struct InvitationListParams<'b> {
        /// 0 or less = the default.
        "limit" => limit: i32 as ZeroIsAbsent,
        /// The id of the last invitation seen; malformed is a bad request.
        "after" => after: Option<&'b str> as NonEmpty,
    }

    /// The result of `invitation.list`.
    pub struct InvitationListResult<'b> {
        /// Oldest first.
        "invitations" => invitations: Vec<Invitation<'b>> as Required,
    }

    /// The params of `invitation.get` and `invitation.delete`.
    pub struct InvitationIdParams<'b> {
        /// Any textual UUID form, else a bad request.
        "id" => id: &'b str as Required,
    }
}

/// The id of an invitation that was delivered to another server.
pub const FORWARDED: &str = "forwarded";

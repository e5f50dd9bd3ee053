//! `membership.append`, `membership.list` and `membership.revoke` (protocol §4.8–§4.10; newer-clients §3.4, §3.5).

use crate::cbor::{NonEmpty, OptionalItem, Required, ZeroIsAbsent, map, words};
use crate::{ChainSeq, Cursor, MetadataVersion};

map! {
    /// Params of `membership.append`.
    pub struct MembershipAppendParams<'b> {
        /// Space id, in any textual UUID form.
        "space" => space: &'b str as Required,
        /// UCAN text, at most [`limits::UCAN_TEXT`](crate::limits::UCAN_TEXT) bytes; a longer text counts as an invalid chain.
        "ucan" => ucan: Option<&'b str> as NonEmpty,
        /// Home server of the space according to the client; absent: this server (protocol §4.21).
        "home_server" => home_server: Option<&'b str> as NonEmpty,
        /// Metadata version that the client has seen; a number that is no version matches none.
        "expected_version" => expected_version: i32 as Required,
        /// Hash of the previous entry; absent for the first.
        "prev_hash" => prev_hash: Option<&'b [u8]> as NonEmpty,
        /// SHA-256 of the payload, else a bad request.
        "entry_hash" => entry_hash: &'b [u8] as Required,
        /// Opaque payload, 1 to [`limits::MEMBERSHIP_PAYLOAD`](crate::limits::MEMBERSHIP_PAYLOAD) bytes.
        "payload" => payload: &'b [u8] as Required,
        /// Action of the writer on their own invitation, if the entry is one.
        "kind" => kind: Option<AppendKind> as OptionalItem,
    }

    /// Result of `membership.append`.
    pub struct MembershipAppendResult {
        /// Position of the entry in the log, from 1.
        "chain_seq" => chain_seq: ChainSeq as Required,
        /// Metadata version after the append: the previous one plus 1.
        "metadata_version" => metadata_version: MetadataVersion as Required,
        /// Cursor of the entry, between servers only (federation §9.6).
        "cursor" => cursor: Option<Cursor> as OptionalItem,
    }

    /// Params of `membership.list`.
    pub struct MembershipListParams<'b> {
        /// Space id, in any textual UUID form.
        "space" => space: &'b str as Required,
        /// UCAN text, at most [`limits::UCAN_TEXT`](crate::limits::UCAN_TEXT) bytes; a longer text counts as an invalid chain.
        "ucan" => ucan: Option<&'b str> as NonEmpty,
        /// Home server of the space according to the client; absent: this server (protocol §4.21).
        "home_server" => home_server: Option<&'b str> as NonEmpty,
        /// Exclusive lower bound of the positions listed.
        "since_seq" => since_seq: i32 as ZeroIsAbsent,
        /// Inclusive upper bound of the positions listed.
        "until_seq" => until_seq: Option<i32> as OptionalItem,
    }

    /// Result of `membership.list`.
    pub struct MembershipListResult<'b> {
        /// Entries in ascending order; when not all fit, the oldest are omitted.
        "entries" => entries: Vec<Entry<'b>> as Required,
        /// Metadata version at the snapshot of the entries.
        "metadata_version" => metadata_version: MetadataVersion as Required,
    }

    /// Entry of the membership log.
    pub struct Entry<'b> {
        /// Position in the log, from 1.
        "chain_seq" => chain_seq: ChainSeq as Required,
        /// Hash of the previous entry; absent in the first.
        "prev_hash" => prev_hash: Option<&'b [u8]> as NonEmpty,
        /// SHA-256 of the payload.
        "entry_hash" => entry_hash: &'b [u8] as Required,
        /// Opaque payload.
        "payload" => payload: &'b [u8] as Required,
    }

    /// Params of `membership.revoke`.
    pub struct MembershipRevokeParams<'b> {
        /// Space id, in any textual UUID form.
        "space" => space: &'b str as Required,
        /// UCAN text, at most [`limits::UCAN_TEXT`](crate::limits::UCAN_TEXT) bytes; a longer text counts as an invalid chain.
        "ucan" => ucan: Option<&'b str> as NonEmpty,
        /// Home server of the space according to the client; absent: this server (protocol §4.21).
        "home_server" => home_server: Option<&'b str> as NonEmpty,
        /// CID to revoke, in its text form ([`Cid`](crate::Cid)), else a bad request.
        "ucan_cid" => ucan_cid: &'b str as Required,
        /// DID of the removed member ([`Did`](crate::Did)), else a bad request.
        "member_did" => member_did: Option<&'b str> as NonEmpty,
    }
}

words! {
    /// Response of an invitee to an invitation.
    pub enum AppendKind {
        /// Invitation accepted.
        Accept = "accept",
        /// Invitation declined.
        Decline = "decline",
    }
}

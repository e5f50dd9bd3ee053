//! `membership.append`, `membership.list` and `membership.revoke` (protocol §4.8–§4.10; newer-clients §3.4, §3.5).

use crate::cbor::{NonEmpty, OptionalItem, Required, ZeroIsAbsent, map, words};

map! {
    /// The params of `membership.append`.
    pub struct MembershipAppendParams<'b> {
        /// Any textual UUID form.
        "space" => space: &'b str as Required,
        /// At most [`limits::UCAN_TEXT`](crate::limits::UCAN_TEXT) bytes, else it counts as invalid.
        "ucan" => ucan: Option<&'b str> as NonEmpty,
        /// Where the client believes the space lives (protocol §4.21).
        "home_server" => home_server: Option<&'b str> as NonEmpty,
        /// The metadata version the client has seen.
        "expected_version" => expected_version: i32 as Required,
        /// Hash of the entry before; absent for the first.
        "prev_hash" => prev_hash: Option<&'b [u8]> as NonEmpty,
        /// SHA-256 of the payload, else a bad request.
        "entry_hash" => entry_hash: &'b [u8] as Required,
        /// Opaque; 1 to [`limits::MEMBERSHIP_PAYLOAD`](crate::limits::MEMBERSHIP_PAYLOAD) bytes.
        "payload" => payload: &'b [u8] as Required,
        /// Set when the writer speaks for itself.
        "kind" => kind: Option<AppendKind> as OptionalItem,
    }

    /// The result of `membership.append`.
    pub struct MembershipAppendResult {
        /// Place of the entry, from 1.
        "chain_seq" => chain_seq: i32 as Required,
        /// One more than before.
        "metadata_version" => metadata_version: i32 as Required,
    }

    /// The params of `membership.list`.
    pub struct MembershipListParams<'b> {
        /// Any textual UUID form.
        "space" => space: &'b str as Required,
        /// At most [`limits::UCAN_TEXT`](crate::limits::UCAN_TEXT) bytes, else it counts as invalid.
        "ucan" => ucan: Option<&'b str> as NonEmpty,
        /// Where the client believes the space lives (protocol §4.21).
        "home_server" => home_server: Option<&'b str> as NonEmpty,
        /// Only entries after this one.
        "since_seq" => since_seq: i32 as ZeroIsAbsent,
        /// Only entries up to this one.
        "until_seq" => until_seq: Option<i32> as OptionalItem,
    }

    /// The result of `membership.list`.
    pub struct MembershipListResult<'b> {
        /// Ascending; when not all fit, the oldest are missing.
        "entries" => entries: Vec<Entry<'b>> as Required,
        /// Of the same moment as the entries.
        "metadata_version" => metadata_version: i32 as Required,
    }

    /// An entry of the membership log.
    pub struct Entry<'b> {
        /// Its place, from 1.
        "chain_seq" => chain_seq: i32 as Required,
        /// Hash of the entry before; absent in the first.
        "prev_hash" => prev_hash: Option<&'b [u8]> as NonEmpty,
        /// SHA-256 of the payload.
        "entry_hash" => entry_hash: &'b [u8] as Required,
        /// Opaque.
        "payload" => payload: &'b [u8] as Required,
    }

    /// The params of `membership.revoke`.
    pub struct MembershipRevokeParams<'b> {
        /// Any textual UUID form.
        "space" => space: &'b str as Required,
        /// At most [`limits::UCAN_TEXT`](crate::limits::UCAN_TEXT) bytes, else it counts as invalid.
        "ucan" => ucan: Option<&'b str> as NonEmpty,
        /// Where the client believes the space lives (protocol §4.21).
        "home_server" => home_server: Option<&'b str> as NonEmpty,
        /// 1 to [`limits::UCAN_CID`](crate::limits::UCAN_CID) bytes, else a bad request.
        "ucan_cid" => ucan_cid: &'b str as Required,
        /// The removed member; at most [`limits::MEMBER_DID`](crate::limits::MEMBER_DID) bytes, else a bad
        /// request.
        "member_did" => member_did: Option<&'b str> as NonEmpty,
    }
}

words! {
    /// What a member says about its own invitation.
    pub enum AppendKind {
        /// It joins.
        Accept = "accept",
        /// It does not.
        Decline = "decline",
    }
}

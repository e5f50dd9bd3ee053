//! Membership and invitations.

use less_sync_core::wire::invitation::{
    Invitation, InvitationCreateParams, InvitationIdParams, InvitationListParams, InvitationListResult,
};
use less_sync_core::wire::membership::{
    AppendKind, Entry, MembershipAppendParams, MembershipAppendResult, MembershipListParams,
    MembershipListResult, MembershipRevokeParams,
};
use proptest::prelude::*;

use super::values::{
    bytes, chain_seq, cursor, int, list, maybe, metadata_version, some_bytes, some_text, text,
};

wire_type!(append_params: MembershipAppendParams<'static> {
    space: text(), ucan: some_text(), home_server: some_text(), expected_version: int(), prev_hash: some_bytes(),
    entry_hash: bytes(), payload: bytes(), kind: maybe(kind())
});
wire_type!(append_result: MembershipAppendResult {
    chain_seq: chain_seq(), metadata_version: metadata_version(), cursor: maybe(cursor())
});
wire_type!(list_params: MembershipListParams<'static> {
    space: text(), ucan: some_text(), home_server: some_text(), since_seq: int(), until_seq: maybe(int())
});
wire_type!(list_result: MembershipListResult<'static> { entries: list(entry()), metadata_version: metadata_version() });
wire_type!(entry: Entry<'static> {
    chain_seq: chain_seq(), prev_hash: some_bytes(), entry_hash: bytes(), payload: bytes()
});
wire_type!(revoke_params: MembershipRevokeParams<'static> {
    space: text(), ucan: some_text(), home_server: some_text(), ucan_cid: text(), member_did: some_text()
});

fn kind() -> impl Strategy<Value = AppendKind> {
    prop_oneof![Just(AppendKind::Accept), Just(AppendKind::Decline)]
}

wire_type!(create_params: InvitationCreateParams<'static> {
    mailbox_id: text(), payload: text(), server: some_text(), tag: maybe(bytes())
});
wire_type!(invitation: Invitation<'static> { id: text(), payload: text(), created_at: text(), expires_at: text() });
wire_type!(invitation_list_params: InvitationListParams<'static> { limit: int(), after: some_text() });
wire_type!(invitation_list_result: InvitationListResult<'static> { invitations: list(invitation()) });
wire_type!(invitation_id_params: InvitationIdParams<'static> { id: text() });

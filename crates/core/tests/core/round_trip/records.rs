//! Records: push, pull, subscribe, tokens, spaces.

use less_sync_core::wire::DekField;
use less_sync_core::wire::pull::{
    ChunkCount, OnCursorAhead, PullBegin, PullCommit, PullEntry, PullFile, PullMembership, PullParams,
    PullRecord,
};
use less_sync_core::wire::push::{ChangeParams, PushParams, PushResult};
use less_sync_core::wire::space::{SpaceCreateParams, SpaceCreateResult};
use less_sync_core::wire::subscribe::{
    Peer, SpaceError, SpaceState, SubscribeEntry, SubscribeParams, SubscribeResult, UnsubscribeParams,
};
use less_sync_core::wire::token::{AuthParams, TokenRefreshParams, TokenRefreshResult};
use proptest::prelude::*;

use super::members::entry;
use super::values::{
    bytes, count, cursor, epoch, file_id, flag, list, maybe, record_id, some_bytes, some_text, text,
};

/// Keys that agree: which of two that differ came first is lost when a client shuffles them.
pub(crate) fn dek() -> impl Strategy<Value = DekField<'static>> {
    prop_oneof![Just(DekField::Absent), bytes().prop_map(DekField::Stated)]
}

wire_type!(push_params: PushParams<'static> {
    space: text(), ucan: some_text(), epoch: maybe(epoch()), home_server: some_text(), changes: list(change())
});
wire_type!(change: ChangeParams<'static> {
    id: text(), blob: maybe(bytes()), expected_cursor: any::<i64>(), dek: dek()
});
wire_type!(push_result: PushResult<'static> { ok: flag(), cursor: cursor(), error: some_text() });

wire_type!(pull_params: PullParams<'static> {
    spaces: list(pull_entry()), on_cursor_ahead: maybe(on_cursor_ahead())
});
wire_type!(pull_entry: PullEntry<'static> {
    id: text(), since: count(), ucan: some_text(), token: some_text(), home_server: some_text()
});
wire_type!(pull_begin: PullBegin<'static> {
    space: text(), prev: cursor(), cursor: cursor(), key_generation: epoch(), rewrap_epoch: maybe(epoch())
});
wire_type!(pull_record: PullRecord<'static> {
    space: text(), id: record_id(), blob: maybe(bytes()), cursor: cursor(), dek: maybe(bytes()), deleted: flag()
});
wire_type!(pull_membership: PullMembership<'static> { space: text(), cursor: cursor(), entries: list(entry()) });
wire_type!(pull_file: PullFile<'static> {
    space: text(), id: file_id(), record_id: record_id(), size: count(), dek: maybe(bytes()), cursor: cursor(),
    deleted: flag()
});
wire_type!(pull_commit: PullCommit<'static> { space: text(), prev: cursor(), cursor: cursor(), count: count() });
wire_type!(chunk_count: ChunkCount { chunks: count() });

fn on_cursor_ahead() -> impl Strategy<Value = OnCursorAhead> {
    prop_oneof![Just(OnCursorAhead::Error), Just(OnCursorAhead::Rewind)]
}

wire_type!(subscribe_params: SubscribeParams<'static> { spaces: list(subscribe_entry()) });
wire_type!(subscribe_entry: SubscribeEntry<'static> {
    id: text(), since: count(), ucan: some_text(), token: some_text(), presence: flag(), catchup: flag(),
    home_server: some_text()
});
wire_type!(subscribe_result: SubscribeResult<'static> { spaces: list(space_state()), errors: list(space_error()) });
wire_type!(space_state: SpaceState<'static> {
    id: text(), cursor: cursor(), key_generation: epoch(), rewrap_epoch: maybe(epoch()), token: some_text(),
    token_expires: maybe(count()), peers: list(peer())
});
wire_type!(peer: Peer<'static> { peer: text(), data: bytes() });
wire_type!(space_error: SpaceError<'static> { space: text(), error: text() });
wire_type!(unsubscribe_params: UnsubscribeParams<'static> { spaces: list(text()) });

wire_type!(auth_params: AuthParams<'static> { token: text(), did_proof: some_bytes() });
wire_type!(token_refresh_params: TokenRefreshParams<'static> { token: text() });
wire_type!(token_refresh_result: TokenRefreshResult<'static> { ok: flag(), error: some_text() });

wire_type!(space_create_params: SpaceCreateParams<'static> { id: text(), root_public_key: bytes() });
wire_type!(space_create_result: SpaceCreateResult<'static> { id: text(), key_generation: epoch() });

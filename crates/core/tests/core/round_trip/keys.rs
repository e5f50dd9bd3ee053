//! Epochs, key shares and wrapped keys.

use less_sync_core::wire::deks::{
    DekRecord, DekRow, DeksGetParams, DeksResult, DeksRewrapParams, DeksRewrapResult, FileDekRecord,
    FileDekRow, FileDeksResult, RewrapEntry,
};
use less_sync_core::wire::epoch::{
    EpochBeginParams, EpochBeginResult, EpochBegun, EpochCompleteParams, EpochConflict,
};
use less_sync_core::wire::epoch_keys::{
    EpochKeysGetParams, EpochKeysGetResult, EpochKeysPutParams, EpochKeysPutResult, KeyShare,
};
use proptest::prelude::*;

use super::records::dek;
use super::values::{
    bytes, count, cursor, epoch, file_id, flag, int, list, maybe, record_id, some_text, text,
};

wire_type!(begin_params: EpochBeginParams<'static> {
    space: text(), ucan: some_text(), home_server: some_text(), epoch: int(), set_min_key_generation: flag()
});
wire_type!(begun: EpochBegun { epoch: epoch() });
wire_type!(conflict: EpochConflict<'static> {
    error: text(), current_epoch: epoch(), rewrap_epoch: maybe(epoch())
});
wire_type!(complete_params: EpochCompleteParams<'static> {
    space: text(), ucan: some_text(), home_server: some_text(), epoch: int()
});

pub(crate) fn begin_result() -> impl Strategy<Value = EpochBeginResult<'static>> {
    prop_oneof![begun().prop_map(EpochBeginResult::Begun), conflict().prop_map(EpochBeginResult::Conflict)]
}
checks!(begin_result: EpochBeginResult);

wire_type!(put_params: EpochKeysPutParams<'static> {
    space: text(), ucan: some_text(), home_server: some_text(), epoch: int(), keys: list(share())
});
wire_type!(share: KeyShare<'static> { member_did: text(), wrapped_key: bytes() });
wire_type!(put_result: EpochKeysPutResult { count: count() });
wire_type!(get_params: EpochKeysGetParams<'static> {
    space: text(), ucan: some_text(), home_server: some_text(), epoch: int()
});
wire_type!(get_result: EpochKeysGetResult<'static> { wrapped_key: bytes() });

wire_type!(deks_get_params: DeksGetParams<'static> {
    space: text(), ucan: some_text(), home_server: some_text(), since: count()
});
wire_type!(dek_record: DekRecord<'static> { id: record_id(), dek: bytes(), seq: cursor() });
wire_type!(file_dek_record: FileDekRecord<'static> { id: file_id(), dek: bytes(), cursor: cursor() });
wire_type!(deks_result: DeksResult<'static> { chunks: count(), deks: maybe(list(dek_row())) });
wire_type!(dek_row: DekRow<'static> { id: record_id(), wrapped_dek: bytes(), seq: cursor() });
wire_type!(file_deks_result: FileDeksResult<'static> { chunks: count(), deks: maybe(list(file_dek_row())) });
wire_type!(file_dek_row: FileDekRow<'static> { id: file_id(), wrapped_dek: bytes(), cursor: cursor() });
wire_type!(rewrap_params: DeksRewrapParams<'static> {
    space: text(), ucan: some_text(), home_server: some_text(), deks: list(rewrap_entry())
});
wire_type!(rewrap_entry: RewrapEntry<'static> { id: text(), dek: dek(), observed_wrapped_dek: maybe(bytes()) });
wire_type!(rewrap_result: DeksRewrapResult { ok: flag(), count: count() });

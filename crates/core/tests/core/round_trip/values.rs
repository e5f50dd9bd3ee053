//! Arbitrary members. Borrowed ones are leaked: the test is over soon.

use less_sync_core::{ChainSeq, Cursor, Epoch, FileId, MetadataVersion, RecordId, SpaceId};
use proptest::collection;
use proptest::option;
use proptest::prelude::*;

pub(crate) fn text() -> impl Strategy<Value = &'static str> {
    ".{0,40}".prop_map(|text| &*text.leak())
}

pub(crate) fn bytes() -> impl Strategy<Value = &'static [u8]> {
    collection::vec(any::<u8>(), 0..300).prop_map(|bytes| &*bytes.leak())
}

/// Absent, or a text that is not empty.
pub(crate) fn some_text() -> impl Strategy<Value = Option<&'static str>> {
    option::of(".{1,40}".prop_map(|text| &*text.leak()))
}

/// Absent, or bytes that are not empty.
pub(crate) fn some_bytes() -> impl Strategy<Value = Option<&'static [u8]>> {
    option::of(bytes().prop_filter("not empty", |bytes| !bytes.is_empty()))
}

pub(crate) fn maybe<T: Strategy>(value: T) -> impl Strategy<Value = Option<T::Value>> {
    option::of(value)
}

pub(crate) fn list<T: Strategy>(item: T) -> impl Strategy<Value = Vec<T::Value>> {
    collection::vec(item, 0..30)
}

pub(crate) fn flag() -> impl Strategy<Value = bool> {
    any::<bool>()
}

pub(crate) fn int() -> impl Strategy<Value = i32> {
    any::<i32>()
}

/// Zero to 2^63 - 1, all magnitudes alike.
pub(crate) fn count() -> impl Strategy<Value = u64> {
    (any::<u64>(), 1_u32..64).prop_map(|(number, shift)| number >> shift)
}

pub(crate) fn cursor() -> impl Strategy<Value = Cursor> {
    (any::<u64>(), 11_u32..64).prop_map(|(number, shift)| Cursor::new(number >> shift).unwrap())
}

pub(crate) fn epoch() -> impl Strategy<Value = Epoch> {
    (1..=i32::MAX).prop_map(|number| Epoch::new(number).unwrap())
}

pub(crate) fn chain_seq() -> impl Strategy<Value = ChainSeq> {
    (1..=i32::MAX).prop_map(|number| ChainSeq::new(number).unwrap())
}

pub(crate) fn metadata_version() -> impl Strategy<Value = MetadataVersion> {
    (0..=i32::MAX).prop_map(|number| MetadataVersion::new(number).unwrap())
}

pub(crate) fn space_id() -> impl Strategy<Value = SpaceId> {
    any::<[u8; 16]>().prop_map(SpaceId::from_bytes)
}

pub(crate) fn record_id() -> impl Strategy<Value = RecordId> {
    any::<[u8; 16]>().prop_map(RecordId::from_bytes)
}

pub(crate) fn file_id() -> impl Strategy<Value = FileId> {
    any::<[u8; 16]>().prop_map(FileId::from_bytes)
}

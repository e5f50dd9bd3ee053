//! Changes as a client writes them, in the notation of the vectors.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::bytes;

/// The id of test record number `index`; ids order as their numbers do.
#[must_use]
pub fn record_id(index: u128) -> String {
    Uuid::from_u128(0x7e57_0000_0000_4000_8000_0000_0000_0000 + index).to_string()
}

/// Creates test record number `index`.
#[must_use]
pub fn create(index: u128, blob: impl AsRef<[u8]>) -> Value {
    update(index, blob, 0)
}

/// Updates test record number `index`, last written at `cursor`.
#[must_use]
pub fn update(index: u128, blob: impl AsRef<[u8]>, cursor: i64) -> Value {
    json!({ "id": record_id(index), "blob": bytes(blob), "expected_cursor": cursor })
}

/// Deletes test record number `index`, last written at `cursor`.
#[must_use]
pub fn delete(index: u128, cursor: i64) -> Value {
    json!({ "id": record_id(index), "expected_cursor": cursor })
}

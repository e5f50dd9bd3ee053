//! Constants and the object that the tests of both stores use.

use less_sync_core::{FileId, SpaceId};
use less_sync_storage::{ObjectKey, UploadId};
use uuid::Uuid;

/// Maximum bytes of a chunk.
pub(crate) const PIECE: usize = 256 * 1024;

/// Id of the process under test, for the names of probe objects.
pub(crate) const INSTANCE: Uuid = Uuid::from_u128(1);

/// Key of the object of a test.
pub(crate) fn key() -> ObjectKey {
    let (space, file) = (SpaceId::from_bytes([1; 16]), FileId::from_bytes([2; 16]));
    ObjectKey::attempt(space, file, UploadId::from_bytes([3; 16]))
}

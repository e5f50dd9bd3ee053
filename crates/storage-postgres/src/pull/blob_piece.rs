//! Piece of a blob, for readers that are too slow to hold all of it in memory for them.

use bytes::Bytes;
use less_sync_core::SpaceId;
use less_sync_storage::RecordVersion;

use crate::session::Session;

/// Reads at most `length` bytes from the byte `from` on. A blob that is stored out of line and not compressed, as ciphertext never
/// is, is fetched from its first chunk of the piece on, not as a whole.
pub(crate) async fn blob_piece(
    connection: &mut Session,
    space: SpaceId,
    version: RecordVersion,
    from: usize,
    length: usize,
) -> Result<Option<Bytes>, sqlx::Error> {
    // The first byte is number 1. A blob has far fewer bytes than an `integer` can count.
    let first = i32::try_from(from).unwrap_or(i32::MAX).saturating_add(1);
    let selected = sqlx::query_scalar!(
        r#"SELECT substring(blob FROM $4 FOR $5) AS "piece!" FROM records
         WHERE space_id = $1 AND id = $2 AND cursor = $3 AND NOT deleted"#,
        space.as_uuid(),
        version.id.as_uuid(),
        version.cursor.as_i64(),
        first,
        i32::try_from(length).unwrap_or(i32::MAX),
    );
    Ok(selected.fetch_optional(connection).await?.map(Bytes::from))
}

//! Random ids from the generator of SQLite.

use rusqlite::Connection;

use less_sync_storage::StorageError;

use crate::error::storage_error;

/// The bytes of a random UUID (version 4), from SQLite's generator, which the operating system seeds.
pub(crate) fn uuid<R>(db: &Connection) -> Result<[u8; 16], StorageError<R>> {
    let mut select = db.prepare_cached("SELECT randomblob(16)").map_err(storage_error)?;
    let mut bytes: [u8; 16] = select.query_row([], |row| row.get(0)).map_err(storage_error)?;
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_differ_and_say_that_they_are_random() {
        let db = Connection::open_in_memory().unwrap();
        let ids: std::collections::HashSet<[u8; 16]> =
            (0..100).map(|_| uuid::<std::convert::Infallible>(&db).unwrap()).collect();
        assert_eq!(ids.len(), 100);
        assert!(ids.iter().all(|id| id[6] >> 4 == 4 && id[8] >> 6 == 0b10));
    }
}

//! SQL statements on data keys, one set for each kind.

use less_sync_core::DekKind;

/// Statements on the table of one kind.
pub(super) struct Statements {
    /// The table, which has a column `wrapped_dek`.
    pub(super) table: &'static str,
    /// A page of live keys: space, position (cursor, id), bound, limit. By an index that holds nothing else, so every row
    /// that is visited is returned.
    pub(super) page: &'static str,
    /// Row id, cursor and key of one row: space, id.
    pub(super) find: &'static str,
}

const RECORDS: Statements = Statements {
    table: "records",
    page: "\
        SELECT id, cursor, wrapped_dek FROM records INDEXED BY idx_records_keys
        WHERE space_id = ?1 AND (cursor, id) > (?2, ?3) AND cursor <= ?4 AND wrapped_dek IS NOT NULL
        ORDER BY cursor, id LIMIT ?5",
    find: "SELECT rowid, cursor, wrapped_dek FROM records WHERE space_id = ?1 AND id = ?2",
};

const FILES: Statements = Statements {
    table: "files",
    page: "\
        SELECT id, cursor, wrapped_dek FROM files INDEXED BY idx_files_live
        WHERE space_id = ?1 AND (cursor, id) > (?2, ?3) AND cursor <= ?4 AND deleted = 0
        ORDER BY cursor, id LIMIT ?5",
    find: "SELECT rowid, cursor, wrapped_dek FROM files WHERE space_id = ?1 AND id = ?2",
};

/// The statements of `kind`.
pub(super) const fn of(kind: DekKind) -> Statements {
    match kind {
        DekKind::Record => RECORDS,
        DekKind::File => FILES,
    }
}

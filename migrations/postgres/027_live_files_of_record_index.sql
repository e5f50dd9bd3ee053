-- no-transaction
-- Index of the live files of a record, which may have any number of deleted ones.
CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_files_live_record ON files (space_id, record_id) WHERE NOT deleted;

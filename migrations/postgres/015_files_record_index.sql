-- no-transaction
-- The files of a record that is deleted.
CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_files_space_record ON files (space_id, record_id);

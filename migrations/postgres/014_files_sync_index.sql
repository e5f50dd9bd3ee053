-- no-transaction
-- Pages of a pull, in order.
CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_files_sync ON files (space_id, cursor, id);

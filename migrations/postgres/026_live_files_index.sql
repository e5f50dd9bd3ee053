-- no-transaction
-- Index of the live files in the order of pulls, for listings of keys.
CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_files_live ON files (space_id, cursor, id) WHERE NOT deleted;

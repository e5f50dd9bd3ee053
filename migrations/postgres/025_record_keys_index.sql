-- no-transaction
-- Index of the records with a key, for listings of keys in the order of pulls. Keys of another length open nothing.
CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_records_keys ON records (space_id, cursor, id)
    WHERE NOT deleted AND length(wrapped_dek) = 44;

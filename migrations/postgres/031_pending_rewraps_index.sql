-- no-transaction
-- Index of the spaces with a pending rewrap, the oldest first.
CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_spaces_rewrap ON spaces (rewrap_since) WHERE rewrap_epoch IS NOT NULL;

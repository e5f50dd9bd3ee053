-- no-transaction
DROP INDEX CONCURRENTLY IF EXISTS idx_spaces_rewrap;

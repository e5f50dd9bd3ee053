-- no-transaction
DROP INDEX CONCURRENTLY IF EXISTS idx_records_keys;

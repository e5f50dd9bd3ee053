-- no-transaction
DROP INDEX CONCURRENTLY IF EXISTS idx_files_live_record;

-- no-transaction
DROP INDEX CONCURRENTLY IF EXISTS records_space_id_id_key;

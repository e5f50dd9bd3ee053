-- no-transaction
-- Built beside running traffic. `space scoped keys` makes it the primary key.
CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS records_space_id_id_key ON records (space_id, id);

-- loses data when: SELECT EXISTS (SELECT FROM owner_usage)
SET LOCAL lock_timeout = '5s';

DROP TRIGGER spaces_disown ON spaces;
DROP FUNCTION less_sync_disown_1;
DROP FUNCTION less_sync_push_2;
DROP FUNCTION less_sync_push_one_2;
DROP FUNCTION less_sync_own_1;
DROP FUNCTION less_sync_grow_1;
DROP FUNCTION less_sync_admit_1;
DROP FUNCTION less_sync_recount_1;
DROP FUNCTION less_sync_count_1;
DROP TABLE owner_usage;
ALTER TABLE spaces DROP COLUMN owner_hash, DROP COLUMN counted_cursor, DROP COLUMN stored_bytes;

DROP FUNCTION less_sync_push_1;
DROP FUNCTION less_sync_push_one_1;
DROP FUNCTION less_sync_tombstone_files_1;

DROP FUNCTION less_sync_push_1(boolean, uuid[], bigint[], integer[], integer[], integer[], uuid[], bigint[], bytea[], bytea[]);
DROP FUNCTION less_sync_push_one_1(boolean, uuid, bigint, uuid, bigint, bytea, bytea);
DROP FUNCTION less_sync_bury_files_1(uuid[], uuid[], bigint[]);

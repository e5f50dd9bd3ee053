-- Who did what, and when, is nothing that the server needs to remember.

ALTER TABLE revocations DROP COLUMN revoked_by, DROP COLUMN revoked_at;
DROP INDEX IF EXISTS idx_files_created_at;
ALTER TABLE files DROP COLUMN created_at;
ALTER TABLE members DROP COLUMN created_at;

-- loses data
ALTER TABLE records DROP COLUMN wrapped_dek;

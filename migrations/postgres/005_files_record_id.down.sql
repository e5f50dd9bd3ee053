-- loses data
ALTER TABLE files DROP COLUMN record_id;

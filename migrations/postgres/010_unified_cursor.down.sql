-- loses data
DROP INDEX idx_files_space_cursor;
DELETE FROM files WHERE deleted;
ALTER TABLE files DROP CONSTRAINT files_not_deleted_check;
ALTER TABLE files
    ADD CONSTRAINT files_size_check CHECK (size >= 0),
    ADD CONSTRAINT files_wrapped_dek_check CHECK (length(wrapped_dek) = 44);
ALTER TABLE files DROP COLUMN deleted, DROP COLUMN cursor;
ALTER TABLE files ADD COLUMN file_seq BIGSERIAL;

DROP INDEX idx_members_cursor;
ALTER TABLE members DROP COLUMN cursor;
ALTER TABLE members RENAME COLUMN chain_seq TO seq;

DROP INDEX idx_records_sync;
UPDATE records SET blob = NULL WHERE deleted AND blob IS NOT NULL;
ALTER TABLE records DROP COLUMN deleted;
ALTER TABLE records RENAME COLUMN cursor TO sequence;
CREATE INDEX idx_records_space_sequence ON records (space_id, sequence);

ALTER TABLE spaces RENAME COLUMN cursor TO sequence;

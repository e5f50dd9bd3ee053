-- One cursor orders records, members and files of a space.

ALTER TABLE spaces RENAME COLUMN sequence TO cursor;

ALTER TABLE records RENAME COLUMN sequence TO cursor;
ALTER TABLE records ADD COLUMN IF NOT EXISTS deleted BOOLEAN NOT NULL DEFAULT false;
UPDATE records SET deleted = true WHERE blob IS NULL AND NOT deleted;
DROP INDEX IF EXISTS idx_records_space_sequence;
CREATE INDEX idx_records_sync ON records (space_id, cursor, id);

-- Members and files from before keep cursor 0, below every pull; `repair rows` gives them cursors of their own.
ALTER TABLE members RENAME COLUMN seq TO chain_seq;
ALTER TABLE members ADD COLUMN cursor BIGINT NOT NULL DEFAULT 0;
CREATE INDEX idx_members_cursor ON members (space_id, cursor);

ALTER TABLE files DROP COLUMN file_seq;
ALTER TABLE files ADD COLUMN cursor BIGINT NOT NULL DEFAULT 0;
ALTER TABLE files ADD COLUMN deleted BOOLEAN NOT NULL DEFAULT false;
ALTER TABLE files DROP CONSTRAINT files_size_check, DROP CONSTRAINT files_wrapped_dek_check;
ALTER TABLE files ADD CONSTRAINT files_not_deleted_check
    CHECK (deleted OR (size >= 0 AND wrapped_dek IS NOT NULL AND length(wrapped_dek) = 44));
CREATE INDEX idx_files_space_cursor ON files (space_id, cursor);

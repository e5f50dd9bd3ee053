-- loses data
ALTER TABLE members ADD COLUMN created_at TIMESTAMPTZ NOT NULL DEFAULT now();
ALTER TABLE files ADD COLUMN created_at TIMESTAMPTZ NOT NULL DEFAULT now();
CREATE INDEX idx_files_created_at ON files (space_id, created_at);
ALTER TABLE revocations
    ADD COLUMN revoked_by TEXT NOT NULL DEFAULT '',
    ADD COLUMN revoked_at TIMESTAMPTZ NOT NULL DEFAULT now();
ALTER TABLE revocations ALTER COLUMN revoked_by DROP DEFAULT;

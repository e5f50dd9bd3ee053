-- Queue of the objects of files: an entry exists from before an object is written, and until it is removed.

SET LOCAL lock_timeout = '5s';

ALTER TABLE files
    -- NULL: the object has the key that its ids give.
    ADD COLUMN object_key TEXT,
    ADD COLUMN sha256 BYTEA CONSTRAINT files_sha256_check CHECK (length(sha256) = 32);

-- No foreign key to spaces: an object outlives its space until it is removed.
CREATE TABLE blob_uploads (
    space_id   UUID        NOT NULL,
    upload_id  UUID        NOT NULL,
    file_id    UUID        NOT NULL,
    object_key TEXT        NOT NULL,
    -- true: the object is marked for deletion. false: an upload is in progress.
    pending_delete     BOOLEAN     NOT NULL DEFAULT false,
    attempts   INTEGER     NOT NULL DEFAULT 0,
    not_before TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (space_id, upload_id)
);

CREATE INDEX idx_blob_uploads_due ON blob_uploads (not_before);

-- Settings that must not change during the life of a database, and the heartbeat of its servers.
CREATE TABLE server_settings (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

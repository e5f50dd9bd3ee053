-- Objects of files: written down before they are written, and until they are removed.

SET LOCAL lock_timeout = '5s';

ALTER TABLE files
    -- NULL: the object lies under the key that its ids give.
    ADD COLUMN object_key TEXT,
    ADD COLUMN sha256 BYTEA CONSTRAINT files_sha256_check CHECK (length(sha256) = 32);

-- No foreign key to spaces: an object outlives its space until it is removed.
CREATE TABLE blob_uploads (
    space_id   UUID        NOT NULL,
    upload_id  UUID        NOT NULL,
    file_id    UUID        NOT NULL,
    object_key TEXT        NOT NULL,
    -- true: the object must go. false: an upload is under way.
    doomed     BOOLEAN     NOT NULL DEFAULT false,
    attempts   INTEGER     NOT NULL DEFAULT 0,
    not_before TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (space_id, upload_id)
);

CREATE INDEX idx_blob_uploads_due ON blob_uploads (not_before);

-- Facts that must not change under a database, and the heartbeat of its servers.
CREATE TABLE server_settings (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

-- Files: what is known of them here, while their bytes lie in the object store.
CREATE TABLE files (
    space_id    BLOB    NOT NULL CHECK (length(space_id) = 16) REFERENCES spaces (id) ON DELETE CASCADE,
    id          BLOB    NOT NULL CHECK (length(id) = 16),
    -- The owner. It may be a tombstone, and then so is the file.
    record_id   BLOB    NOT NULL CHECK (length(record_id) = 16),
    cursor      INTEGER NOT NULL CHECK (cursor BETWEEN 1 AND 9007199254740991),
    deleted     INTEGER NOT NULL DEFAULT 0 CHECK (deleted IN (0, 1)),
    -- Of the ciphertext, in bytes.
    size        INTEGER NOT NULL CHECK (size >= 0),
    -- Empty in a tombstone.
    wrapped_dek BLOB    NOT NULL CHECK (length(wrapped_dek) = iif(deleted, 0, 44)),
    -- NULL: the object lies under the key that its ids give.
    object_key  TEXT,
    sha256      BLOB    CHECK (length(sha256) = 32),
    PRIMARY KEY (space_id, id),
    FOREIGN KEY (space_id, record_id) REFERENCES records (space_id, id),
    CHECK (NOT deleted OR (size = 0 AND object_key IS NULL AND sha256 IS NULL))
) STRICT;

CREATE INDEX idx_files_sync ON files (space_id, cursor, id, deleted);
CREATE INDEX idx_files_space_record ON files (space_id, record_id);

-- Objects on their way in or out. No reference to spaces: an object outlives its space until it is removed.
CREATE TABLE blob_uploads (
    space_id   BLOB    NOT NULL CHECK (length(space_id) = 16),
    upload_id  BLOB    NOT NULL CHECK (length(upload_id) = 16),
    file_id    BLOB    NOT NULL CHECK (length(file_id) = 16),
    object_key TEXT    NOT NULL,
    -- 1: the object must go. 0: an upload is under way.
    doomed     INTEGER NOT NULL DEFAULT 0 CHECK (doomed IN (0, 1)),
    -- Deletions that failed.
    attempts   INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    -- The sweeper leaves the row alone until then.
    not_before INTEGER NOT NULL,
    PRIMARY KEY (space_id, upload_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX idx_blob_uploads_due ON blob_uploads (not_before);

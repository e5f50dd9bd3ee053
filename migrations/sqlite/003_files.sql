-- Metadata of files; the bytes are in the object store.
CREATE TABLE files (
    space_id    BLOB    NOT NULL CHECK (length(space_id) = 16) REFERENCES spaces (id) ON DELETE CASCADE,
    id          BLOB    NOT NULL CHECK (length(id) = 16),
    -- Owning record. If it is a tombstone, so is the file.
    record_id   BLOB    NOT NULL CHECK (length(record_id) = 16),
    cursor      INTEGER NOT NULL CHECK (cursor BETWEEN 1 AND 9007199254740991),
    deleted     INTEGER NOT NULL DEFAULT 0 CHECK (deleted IN (0, 1)),
    -- Length of the ciphertext, in bytes.
    size        INTEGER NOT NULL CHECK (size >= 0),
    -- Empty in a tombstone.
    wrapped_dek BLOB    NOT NULL CHECK (length(wrapped_dek) = iif(deleted, 0, 44)),
    -- NULL: the object has the key that its ids give.
    object_key  TEXT,
    sha256      BLOB    CHECK (length(sha256) = 32),
    PRIMARY KEY (space_id, id),
    FOREIGN KEY (space_id, record_id) REFERENCES records (space_id, id),
    CHECK (NOT deleted OR (size = 0 AND object_key IS NULL AND sha256 IS NULL))
) STRICT;

CREATE INDEX idx_files_sync ON files (space_id, cursor, id, deleted);
CREATE INDEX idx_files_space_record ON files (space_id, record_id);

-- Queue of objects that are being uploaded or deleted. No foreign key to spaces: an object outlives its space until it is
-- removed.
CREATE TABLE blob_uploads (
    space_id   BLOB    NOT NULL CHECK (length(space_id) = 16),
    upload_id  BLOB    NOT NULL CHECK (length(upload_id) = 16),
    file_id    BLOB    NOT NULL CHECK (length(file_id) = 16),
    object_key TEXT    NOT NULL,
    -- 1: the object is marked for deletion. 0: an upload is in progress.
    pending_delete     INTEGER NOT NULL DEFAULT 0 CHECK (pending_delete IN (0, 1)),
    -- Failed deletions.
    attempts   INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    -- Earliest time of a claim by the sweeper.
    not_before INTEGER NOT NULL,
    PRIMARY KEY (space_id, upload_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX idx_blob_uploads_due ON blob_uploads (not_before);

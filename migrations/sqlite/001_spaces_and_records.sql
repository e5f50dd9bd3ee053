-- One row per space. The cursor orders all changes of the space.
CREATE TABLE spaces (
    id                 BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    client_id          TEXT    NOT NULL CHECK (length(client_id) BETWEEN 1 AND 255),
    -- NULL: personal, opened by a token alone. Set: shared, chains end at this compressed P-256 key.
    root_public_key    BLOB    CHECK (length(root_public_key) = 33),
    key_generation     INTEGER NOT NULL DEFAULT 1 CHECK (key_generation BETWEEN 1 AND 2147483647),
    min_key_generation INTEGER NOT NULL DEFAULT 1 CHECK (min_key_generation BETWEEN 1 AND 2147483647),
    metadata_version   INTEGER NOT NULL DEFAULT 0 CHECK (metadata_version >= 0),
    cursor             INTEGER NOT NULL DEFAULT 0 CHECK (cursor BETWEEN 0 AND 9007199254740991),
    rewrap_epoch       INTEGER CHECK (rewrap_epoch BETWEEN 1 AND 2147483647),
    home_server        TEXT    CHECK (length(home_server) BETWEEN 1 AND 255),
    -- Microseconds since 1970, UTC.
    created_at         INTEGER NOT NULL,
    updated_at         INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- One row per record: the current state only. The blob is the last column, so that reading the short ones does not walk
-- the overflow pages of a large blob.
CREATE TABLE records (
    space_id    BLOB    NOT NULL CHECK (length(space_id) = 16) REFERENCES spaces (id) ON DELETE CASCADE,
    id          BLOB    NOT NULL CHECK (length(id) = 16),
    cursor      INTEGER NOT NULL CHECK (cursor BETWEEN 1 AND 9007199254740991),
    deleted     INTEGER NOT NULL DEFAULT 0 CHECK (deleted IN (0, 1)),
    wrapped_dek BLOB    CHECK (length(wrapped_dek) = 44),
    -- NULL: tombstone. Empty: a live record with an empty blob.
    blob        BLOB,
    PRIMARY KEY (space_id, id),
    CHECK (deleted = (blob IS NULL)),
    CHECK (NOT deleted OR wrapped_dek IS NULL)
) STRICT;

-- Order of pulls. `deleted` is part of the index so that a first sync skips tombstones without reading their rows.
CREATE INDEX idx_records_sync ON records (space_id, cursor, id, deleted);

-- Settings that must not change during the life of a database.
CREATE TABLE server_settings (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

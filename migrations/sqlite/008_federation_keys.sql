-- Keys that sign requests to other servers.

-- Several are published (active), at most one signs (primary). `private_key` is a bare seed or a sealed one.
CREATE TABLE federation_signing_keys (
    kid            TEXT    NOT NULL PRIMARY KEY CHECK (octet_length(kid) BETWEEN 1 AND 2048),
    private_key    BLOB    NOT NULL,
    public_key     BLOB    NOT NULL CHECK (length(public_key) = 32),
    created_at     INTEGER NOT NULL,
    is_active      INTEGER NOT NULL DEFAULT 1 CHECK (is_active IN (0, 1)),
    is_primary     INTEGER NOT NULL DEFAULT 0 CHECK (is_primary IN (0, 1)),
    deactivated_at INTEGER,
    CHECK (is_primary <= is_active)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX federation_signing_keys_single_primary_idx
    ON federation_signing_keys (is_primary) WHERE is_primary = 1;

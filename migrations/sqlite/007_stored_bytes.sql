-- Stored bytes of spaces and of their owners.

-- 128 bytes for each row of `records` and `files`, tombstones included; the blobs of live records; the sizes of live files; 44
-- bytes for each wrapped key of either.
ALTER TABLE spaces ADD COLUMN stored_bytes INTEGER NOT NULL DEFAULT 0;

-- Keyed hash of the user whose quota the space counts against. NULL: not recorded.
ALTER TABLE spaces ADD COLUMN owner_hash BLOB CHECK (length(owner_hash) = 32);

-- Sum of the stored bytes of the spaces of each owner.
CREATE TABLE owner_usage (
    owner_hash   BLOB    NOT NULL PRIMARY KEY CHECK (length(owner_hash) = 32),
    stored_bytes INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The server removes no space; an operator may.
CREATE TRIGGER spaces_disown AFTER DELETE ON spaces WHEN old.owner_hash IS NOT NULL BEGIN
    UPDATE owner_usage SET stored_bytes = stored_bytes - old.stored_bytes WHERE owner_hash = old.owner_hash;
END;

-- The length of a blob is in the header of its row: this reads the rows, and no content.
UPDATE spaces SET stored_bytes =
    (SELECT coalesce(sum(128 + coalesce(length(blob), 0) + coalesce(length(wrapped_dek), 0)), 0)
     FROM records WHERE records.space_id = spaces.id)
    + (SELECT coalesce(sum(128 + size + length(wrapped_dek)), 0) FROM files WHERE files.space_id = spaces.id);

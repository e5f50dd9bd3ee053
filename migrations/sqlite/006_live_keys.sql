-- Indexes that hold only rows with keys, so that listings of keys visit nothing else.

-- Listings of the keys of records, in the order of pulls. A tombstone has no key.
CREATE INDEX idx_records_keys ON records (space_id, cursor, id) WHERE wrapped_dek IS NOT NULL;

-- Listings of the keys of files, and whether a space has any file.
CREATE INDEX idx_files_live ON files (space_id, cursor, id) WHERE deleted = 0;

-- Live files of a record that is deleted; a record may have any number of deleted ones.
CREATE INDEX idx_files_live_record ON files (space_id, record_id) WHERE deleted = 0;

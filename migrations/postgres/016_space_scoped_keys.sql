-- Record ids belong to their space: no collision with, and no sight of, another space.

-- The locks are held for milliseconds, but whoever waits for them makes everybody behind wait too.
SET LOCAL lock_timeout = '5s';

ALTER TABLE files DROP CONSTRAINT files_record_fk;
ALTER TABLE records DROP CONSTRAINT records_pkey;
ALTER TABLE records ADD CONSTRAINT records_pkey PRIMARY KEY USING INDEX records_space_id_id_key;
-- Validated after this migration, under a lock that lets writers pass.
ALTER TABLE files ADD CONSTRAINT files_record_fk
    FOREIGN KEY (space_id, record_id) REFERENCES records (space_id, id) NOT VALID;

DROP INDEX idx_files_space_cursor;
DROP INDEX idx_files_record_id;

ALTER TABLE revocations
    DROP CONSTRAINT revocations_space_id_ucan_cid_key,
    ADD CONSTRAINT revocations_pkey PRIMARY KEY (space_id, ucan_cid);

-- Ciphertext does not compress.
ALTER TABLE records ALTER COLUMN blob SET STORAGE EXTERNAL;
ALTER TABLE members ALTER COLUMN payload SET STORAGE EXTERNAL;
ALTER TABLE invitations ALTER COLUMN payload SET STORAGE EXTERNAL;

-- Room on the page for the next version of a row: cursor bumps and rewraps.
ALTER TABLE spaces SET (fillfactor = 50);
ALTER TABLE records SET (fillfactor = 85);

-- Size of the membership log, so that its cap needs no sum.
ALTER TABLE spaces ADD COLUMN members_bytes BIGINT NOT NULL DEFAULT 0;

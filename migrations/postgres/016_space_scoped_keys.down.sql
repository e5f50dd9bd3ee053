SET LOCAL lock_timeout = '5s';

DO $$
BEGIN
    IF EXISTS (SELECT FROM records GROUP BY id HAVING count(*) > 1) THEN
        RAISE EXCEPTION 'two spaces share a record id'
            USING ERRCODE = 'unique_violation',
                  HINT = 'record ids were global up to version 15';
    END IF;
END;
$$;

ALTER TABLE spaces DROP COLUMN members_bytes;

ALTER TABLE records RESET (fillfactor);
ALTER TABLE spaces RESET (fillfactor);

ALTER TABLE invitations ALTER COLUMN payload SET STORAGE EXTENDED;
ALTER TABLE members ALTER COLUMN payload SET STORAGE EXTENDED;
ALTER TABLE records ALTER COLUMN blob SET STORAGE EXTENDED;

ALTER TABLE revocations
    DROP CONSTRAINT revocations_pkey,
    ADD CONSTRAINT revocations_space_id_ucan_cid_key UNIQUE (space_id, ucan_cid);

CREATE INDEX idx_files_record_id ON files (record_id);
CREATE INDEX idx_files_space_cursor ON files (space_id, cursor);

ALTER TABLE files DROP CONSTRAINT files_record_fk;
ALTER TABLE records DROP CONSTRAINT records_pkey;
CREATE UNIQUE INDEX records_space_id_id_key ON records (space_id, id);
ALTER TABLE records ADD CONSTRAINT records_pkey PRIMARY KEY (id);
ALTER TABLE files ADD CONSTRAINT files_record_fk FOREIGN KEY (record_id) REFERENCES records (id);

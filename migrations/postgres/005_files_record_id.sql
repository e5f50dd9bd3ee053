-- A file belongs to a record.

-- Nothing says which record a file from before belongs to, and none may be invented.
DO $$
BEGIN
    IF EXISTS (SELECT FROM files) THEN
        RAISE EXCEPTION 'files exist that belong to no record'
            USING ERRCODE = 'foreign_key_violation',
                  HINT = 'remove the rows of table files, and their objects, then migrate again';
    END IF;
END;
$$;

ALTER TABLE files ADD COLUMN record_id UUID NOT NULL;
ALTER TABLE files ADD CONSTRAINT files_record_fk FOREIGN KEY (record_id) REFERENCES records (id);
CREATE INDEX idx_files_record_id ON files (record_id);

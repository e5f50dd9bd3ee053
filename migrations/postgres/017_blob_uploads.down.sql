SET LOCAL lock_timeout = '5s';

DO $$
BEGIN
    IF EXISTS (SELECT FROM files WHERE object_key IS NOT NULL) THEN
        RAISE EXCEPTION 'files have object keys of their own'
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'version 16 cannot address them';
    END IF;
END;
$$;

DROP TABLE server_settings;
DROP TABLE blob_uploads;
ALTER TABLE files DROP COLUMN object_key, DROP COLUMN sha256;

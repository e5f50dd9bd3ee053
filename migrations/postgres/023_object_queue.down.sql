SET LOCAL lock_timeout = '5s';

DROP INDEX idx_blob_uploads_file;
DROP INDEX idx_blob_uploads_grace;
DROP INDEX idx_blob_uploads_due;
CREATE INDEX idx_blob_uploads_due ON blob_uploads (not_before);

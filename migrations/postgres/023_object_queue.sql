-- Indexes for claiming due entries of the object queue, and for looking up the entries of a file.
--
-- `attempts` counts the claims of an entry. Every claim but the last one failed to remove the object. The queue is short,
-- so building these indexes in the transaction blocks writers only briefly.

SET LOCAL lock_timeout = '5s';

DROP INDEX idx_blob_uploads_due;

-- Entries due at `not_before`: expired uploads, and entries that were claimed before.
CREATE INDEX idx_blob_uploads_due ON blob_uploads (not_before) WHERE NOT pending_delete OR attempts > 0;

-- Entries due after their grace: objects of deleted files that were never claimed.
CREATE INDEX idx_blob_uploads_grace ON blob_uploads (not_before) WHERE pending_delete AND attempts = 0;

CREATE INDEX idx_blob_uploads_file ON blob_uploads (space_id, file_id);

-- Finding what is due in the queue of objects, and what the queue knows of an object.
--
-- `attempts` counts how often an entry was claimed, each time in vain but for the last. The queue is short: building these
-- indexes holds nobody up for long.

SET LOCAL lock_timeout = '5s';

DROP INDEX idx_blob_uploads_due;

-- Due at `not_before`: attempts that are over, and what was claimed before.
CREATE INDEX idx_blob_uploads_due ON blob_uploads (not_before) WHERE NOT doomed OR attempts > 0;

-- Due when their grace is over: objects of deleted files that nobody has claimed yet.
CREATE INDEX idx_blob_uploads_grace ON blob_uploads (not_before) WHERE doomed AND attempts = 0;

CREATE INDEX idx_blob_uploads_file ON blob_uploads (space_id, file_id);

SET LOCAL lock_timeout = '5s';

DROP TRIGGER spaces_rewrap_since ON spaces;
DROP FUNCTION less_sync_rewrap_since_1;
ALTER TABLE spaces DROP COLUMN rewrap_since;

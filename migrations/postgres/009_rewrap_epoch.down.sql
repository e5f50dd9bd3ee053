ALTER TABLE spaces DROP COLUMN rewrap_epoch;

-- Set while an epoch has begun and not every key has been wrapped again.

ALTER TABLE spaces ADD COLUMN rewrap_epoch INTEGER;

-- Start of the pending rewrap of a space, in microseconds since 1970, UTC. NULL: none is pending.
ALTER TABLE spaces ADD COLUMN rewrap_since INTEGER;

-- Rewraps that are pending already began before the last change of their space.
UPDATE spaces SET rewrap_since = updated_at WHERE rewrap_epoch IS NOT NULL;

-- Spaces with a pending rewrap, the oldest first.
CREATE INDEX idx_spaces_rewrap ON spaces (rewrap_since) WHERE rewrap_epoch IS NOT NULL;

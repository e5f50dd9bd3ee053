-- Keys are rotated: several are published, one signs.

ALTER TABLE federation_signing_keys
    ADD COLUMN is_active      BOOLEAN     NOT NULL DEFAULT true,
    ADD COLUMN is_primary     BOOLEAN     NOT NULL DEFAULT false,
    ADD COLUMN deactivated_at TIMESTAMPTZ;

UPDATE federation_signing_keys SET is_primary = true
WHERE kid = (SELECT kid FROM federation_signing_keys ORDER BY created_at, kid LIMIT 1);

CREATE UNIQUE INDEX federation_signing_keys_single_primary_idx
    ON federation_signing_keys ((is_primary)) WHERE is_primary;

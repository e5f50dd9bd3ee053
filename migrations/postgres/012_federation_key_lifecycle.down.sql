-- A key that was taken out of service must not come back as a valid one.
DELETE FROM federation_signing_keys WHERE NOT is_active;
DROP INDEX federation_signing_keys_single_primary_idx;
ALTER TABLE federation_signing_keys
    DROP COLUMN is_active, DROP COLUMN is_primary, DROP COLUMN deactivated_at;

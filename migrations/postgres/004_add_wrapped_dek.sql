-- Every record has a key of its own, wrapped by the key of its epoch.

ALTER TABLE records ADD COLUMN wrapped_dek BYTEA;

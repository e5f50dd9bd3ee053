-- Keys that sign requests to other servers, and the server that is home to a space.

CREATE TABLE federation_signing_keys (
    kid         TEXT        PRIMARY KEY,
    private_key BYTEA       NOT NULL,
    public_key  BYTEA       NOT NULL,
    created_at  TIMESTAMPTZ NOT NULL DEFAULT now()
);

ALTER TABLE spaces ADD COLUMN home_server TEXT;

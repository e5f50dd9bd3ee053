-- Spaces and what is kept in them.

CREATE TABLE spaces (
    id                 UUID        PRIMARY KEY,
    client_id          TEXT        NOT NULL,
    -- NULL: personal, opened by a token alone. Set: shared, chains end at this key.
    root_public_key    BYTEA,
    key_generation     INTEGER     NOT NULL DEFAULT 1,
    min_key_generation INTEGER     NOT NULL DEFAULT 1,
    metadata_version   INTEGER     NOT NULL DEFAULT 0,
    sequence           BIGINT      NOT NULL DEFAULT 0,
    created_at         TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at         TIMESTAMPTZ NOT NULL DEFAULT now()
);

CREATE FUNCTION update_updated_at_column() RETURNS TRIGGER
LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at = now();
    RETURN NEW;
END;
$$;

CREATE TRIGGER spaces_updated_at
    BEFORE UPDATE ON spaces
    FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();

CREATE TABLE records (
    id       UUID   PRIMARY KEY,
    space_id UUID   NOT NULL REFERENCES spaces (id) ON DELETE CASCADE,
    -- NULL: a tombstone.
    blob     BYTEA,
    sequence BIGINT NOT NULL
);

CREATE INDEX idx_records_space_sequence ON records (space_id, sequence);

CREATE TABLE files (
    space_id    UUID        NOT NULL REFERENCES spaces (id) ON DELETE CASCADE,
    id          UUID        NOT NULL,
    size        BIGINT      NOT NULL CONSTRAINT files_size_check CHECK (size >= 0),
    wrapped_dek BYTEA       NOT NULL CONSTRAINT files_wrapped_dek_check CHECK (length(wrapped_dek) = 44),
    file_seq    BIGSERIAL,
    created_at  TIMESTAMPTZ NOT NULL DEFAULT now(),
    PRIMARY KEY (space_id, id)
);

CREATE INDEX idx_files_created_at ON files (space_id, created_at);

CREATE TABLE members (
    space_id   UUID        NOT NULL REFERENCES spaces (id) ON DELETE CASCADE,
    seq        INTEGER     NOT NULL,
    prev_hash  BYTEA,
    entry_hash BYTEA       NOT NULL,
    payload    BYTEA       NOT NULL,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    PRIMARY KEY (space_id, seq)
);

-- Keys of epochs, each wrapped for one member.

SET LOCAL lock_timeout = '5s';

CREATE TABLE epoch_keys (
    space_id    UUID        NOT NULL REFERENCES spaces (id) ON DELETE CASCADE,
    epoch       INTEGER     NOT NULL CONSTRAINT epoch_keys_epoch_check CHECK (epoch >= 1),
    member_did  TEXT        NOT NULL
        CONSTRAINT epoch_keys_member_did_check CHECK (octet_length(member_did) BETWEEN 1 AND 255),
    wrapped_key BYTEA       NOT NULL
        CONSTRAINT epoch_keys_wrapped_key_check CHECK (length(wrapped_key) BETWEEN 1 AND 2048),
    created_at  TIMESTAMPTZ NOT NULL DEFAULT now(),
    PRIMARY KEY (space_id, epoch, member_did)
);

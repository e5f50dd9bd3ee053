-- Sharing of spaces: membership log, keys of epochs, invitations, and revocations.

-- Size of the membership log: payloads, and 128 bytes for each entry.
ALTER TABLE spaces ADD COLUMN members_bytes INTEGER NOT NULL DEFAULT 0 CHECK (members_bytes >= 0);

-- Membership log, append-only. The payload is the last column, like the blob of a record.
CREATE TABLE members (
    space_id   BLOB    NOT NULL CHECK (length(space_id) = 16) REFERENCES spaces (id) ON DELETE CASCADE,
    -- 1, 2, 3 … without gaps.
    chain_seq  INTEGER NOT NULL CHECK (chain_seq BETWEEN 1 AND 2147483647),
    cursor     INTEGER NOT NULL CHECK (cursor BETWEEN 1 AND 9007199254740991),
    -- NULL in the first entry only.
    prev_hash  BLOB    CHECK (length(prev_hash) = 32),
    entry_hash BLOB    NOT NULL CHECK (length(entry_hash) = 32),
    payload    BLOB    NOT NULL CHECK (length(payload) > 0),
    PRIMARY KEY (space_id, chain_seq),
    CHECK ((chain_seq = 1) = (prev_hash IS NULL))
) STRICT;

CREATE INDEX idx_members_sync ON members (space_id, cursor, chain_seq);

-- Revoked tokens of each space. Neither the revoker nor the time is stored.
CREATE TABLE revocations (
    space_id BLOB NOT NULL CHECK (length(space_id) = 16) REFERENCES spaces (id) ON DELETE CASCADE,
    ucan_cid TEXT NOT NULL CHECK (octet_length(ucan_cid) BETWEEN 1 AND 128),
    PRIMARY KEY (space_id, ucan_cid)
) STRICT, WITHOUT ROWID;

-- Keys of epochs, each wrapped for one member.
CREATE TABLE epoch_keys (
    space_id    BLOB    NOT NULL CHECK (length(space_id) = 16) REFERENCES spaces (id) ON DELETE CASCADE,
    epoch       INTEGER NOT NULL CHECK (epoch BETWEEN 1 AND 2147483647),
    member_did  TEXT    NOT NULL CHECK (octet_length(member_did) BETWEEN 1 AND 255),
    wrapped_key BLOB    NOT NULL CHECK (length(wrapped_key) BETWEEN 1 AND 2048),
    created_at  INTEGER NOT NULL,
    PRIMARY KEY (space_id, epoch, member_did)
) STRICT;

-- Encrypted invitations. The sender is not stored.
CREATE TABLE invitations (
    id          BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    mailbox_id  TEXT    NOT NULL CHECK (octet_length(mailbox_id) = 64),
    created_at  INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL,
    -- Server that delivered the invitation, if it was another one.
    origin_peer TEXT,
    payload     BLOB    NOT NULL
) STRICT;

CREATE INDEX idx_invitations_mailbox ON invitations (mailbox_id, created_at, id);
CREATE INDEX idx_invitations_expires_at ON invitations (expires_at);

-- Rate-limited actions of the last hours, by a keyed hash that only the server can link to a user.
CREATE TABLE rate_limit_actions (
    actor_hash TEXT    NOT NULL CHECK (octet_length(actor_hash) = 64),
    id         BLOB    NOT NULL CHECK (length(id) = 16),
    action     TEXT    NOT NULL CHECK (action IN ('invitation', 'membership_append', 'space_create')),
    created_at INTEGER NOT NULL,
    PRIMARY KEY (actor_hash, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX idx_rate_limit_actions_lookup ON rate_limit_actions (action, actor_hash, created_at);
CREATE INDEX idx_rate_limit_actions_created ON rate_limit_actions (created_at);

-- State about other servers: homes of spaces, candidates for them, and peers in quarantine.

-- Candidate home servers of the spaces that a mailbox was invited to. The tag is empty when the inviting client gave none.
CREATE TABLE federation_home_hints (
    mailbox_id  TEXT    NOT NULL CHECK (octet_length(mailbox_id) = 64),
    peer_domain TEXT    NOT NULL CHECK (octet_length(peer_domain) BETWEEN 1 AND 253),
    tag         BLOB    NOT NULL CHECK (length(tag) IN (0, 16)),
    created_at  INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL,
    PRIMARY KEY (mailbox_id, peer_domain, tag)
) STRICT, WITHOUT ROWID;

CREATE INDEX idx_federation_home_hints_mailbox ON federation_home_hints (mailbox_id, created_at);
CREATE INDEX idx_federation_home_hints_peer ON federation_home_hints (peer_domain);
CREATE INDEX idx_federation_home_hints_expires_at ON federation_home_hints (expires_at);

-- Peers in quarantine.
CREATE TABLE federation_peer_state (
    peer_domain TEXT    NOT NULL PRIMARY KEY CHECK (octet_length(peer_domain) BETWEEN 1 AND 253),
    state       TEXT    NOT NULL,
    reason      TEXT    NOT NULL,
    -- NULL: until the operator ends the quarantine.
    until       INTEGER,
    updated_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Spaces that other servers hold, by the time of their last use.
CREATE INDEX idx_spaces_home_server ON spaces (home_server) WHERE home_server IS NOT NULL;
CREATE INDEX idx_spaces_stubs ON spaces (updated_at) WHERE home_server IS NOT NULL;

-- Invitations that other servers have delivered.
CREATE INDEX idx_invitations_origin_peer ON invitations (origin_peer) WHERE origin_peer IS NOT NULL;

-- State about other servers of the federation.

SET LOCAL lock_timeout = '5s';

-- Server that delivered an invitation, so that its invitations can be deleted when it is no longer trusted.
ALTER TABLE invitations ADD COLUMN origin_peer TEXT;

-- Candidate home servers of the spaces that a mailbox was invited to.
CREATE TABLE federation_home_hints (
    mailbox_id  CHAR(64)    NOT NULL,
    peer_domain TEXT        NOT NULL,
    tag         BYTEA,
    created_at  TIMESTAMPTZ NOT NULL DEFAULT now(),
    expires_at  TIMESTAMPTZ NOT NULL,
    CONSTRAINT federation_home_hints_key UNIQUE NULLS NOT DISTINCT (mailbox_id, peer_domain, tag)
);

CREATE INDEX idx_federation_home_hints_mailbox ON federation_home_hints (mailbox_id, created_at);
CREATE INDEX idx_federation_home_hints_expires_at ON federation_home_hints (expires_at);

-- Peers in quarantine.
CREATE TABLE federation_peer_state (
    peer_domain TEXT        PRIMARY KEY,
    state       TEXT        NOT NULL,
    reason      TEXT        NOT NULL,
    until       TIMESTAMPTZ,
    updated_at  TIMESTAMPTZ NOT NULL DEFAULT now()
);

CREATE INDEX idx_spaces_home_server ON spaces (home_server) WHERE home_server IS NOT NULL;

SET LOCAL lock_timeout = '5s';

DROP INDEX idx_spaces_home_server;
DROP TABLE federation_peer_state;
DROP TABLE federation_home_hints;
ALTER TABLE invitations DROP COLUMN origin_peer;

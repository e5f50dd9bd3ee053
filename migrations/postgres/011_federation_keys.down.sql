-- loses data when: SELECT EXISTS (SELECT FROM federation_signing_keys) OR EXISTS (SELECT FROM spaces WHERE home_server IS NOT NULL)
ALTER TABLE spaces DROP COLUMN home_server;
DROP TABLE federation_signing_keys;

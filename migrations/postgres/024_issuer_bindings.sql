-- Issuers whose tokens may name a DID or a mailbox.

SET LOCAL lock_timeout = '5s';

-- The key is the SHA-256 of the kind and the text of the id. Written only with several trusted issuers.
CREATE TABLE issuer_bindings (
    key    BYTEA NOT NULL PRIMARY KEY CONSTRAINT issuer_bindings_key_check CHECK (length(key) = 32),
    issuer TEXT  NOT NULL CONSTRAINT issuer_bindings_issuer_check CHECK (octet_length(issuer) BETWEEN 1 AND 2048)
);

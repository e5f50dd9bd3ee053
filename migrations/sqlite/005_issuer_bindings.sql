-- Issuers whose tokens may name a DID or a mailbox.

-- The key is the SHA-256 of the kind and the text of the id. Written only with several trusted issuers.
CREATE TABLE issuer_bindings (
    key    BLOB NOT NULL PRIMARY KEY CHECK (length(key) = 32),
    issuer TEXT NOT NULL CHECK (octet_length(issuer) BETWEEN 1 AND 2048)
) STRICT, WITHOUT ROWID;

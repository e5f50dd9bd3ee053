-- As the server of version 4 wrote it: a shared space with two records, one of them deleted, and two members.
INSERT INTO spaces (id, client_id, root_public_key, metadata_version, sequence) VALUES
    ('5a000000-0000-4000-8000-000000000001', 'client', '\x02aa', 2, 3);
INSERT INTO records (id, space_id, blob, sequence, wrapped_dek) VALUES
    ('4e000000-0000-4000-8000-000000000001', '5a000000-0000-4000-8000-000000000001', '\xb1', 1, '\xd1'),
    ('4e000000-0000-4000-8000-000000000002', '5a000000-0000-4000-8000-000000000001', NULL, 3, '\xd2');
INSERT INTO members (space_id, seq, prev_hash, entry_hash, payload) VALUES
    ('5a000000-0000-4000-8000-000000000001', 1, NULL, '\xe1', '\xa1a1'),
    ('5a000000-0000-4000-8000-000000000001', 2, '\xe1', '\xe2', '\xa2');
INSERT INTO revocations (space_id, ucan_cid, revoked_by) VALUES
    ('5a000000-0000-4000-8000-000000000001', 'cid', 'somebody');
INSERT INTO invitations (recipient_hash, sender_hash, payload, expires_at) VALUES
    (repeat('a', 64), repeat('b', 64), '\x01', now() + interval '1 day');

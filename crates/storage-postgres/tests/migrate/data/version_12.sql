-- As the original server leaves it at version 12, with rows of every kind.
INSERT INTO spaces (id, client_id, root_public_key, key_generation, min_key_generation, metadata_version, cursor,
                    rewrap_epoch, home_server) VALUES
    -- personal
    ('5a000000-0000-4000-8000-000000000001', 'client', NULL, 1, 1, 0, 3, NULL, NULL),
    -- shared, in the middle of a rewrap
    ('5a000000-0000-4000-8000-000000000002', 'client', '\x02aa', 4, 3, 3, 40, 4, NULL),
    -- homed elsewhere
    ('5a000000-0000-4000-8000-000000000003', 'client', '\x03bb', 1, 1, 0, 0, NULL, 'sync.example'),
    -- everything in it is hidden
    ('5a000000-0000-4000-8000-000000000004', 'client', '\x02cc', 1, 1, 1, 0, NULL, NULL);
INSERT INTO records (id, space_id, blob, cursor, wrapped_dek, deleted) VALUES
    ('4e000000-0000-4000-8000-000000000001', '5a000000-0000-4000-8000-000000000001', '\xb1', 1, NULL, false),
    -- empty, and alive
    ('4e000000-0000-4000-8000-000000000002', '5a000000-0000-4000-8000-000000000001', '', 2, NULL, false),
    -- tombstones: with a key, with content, as they should be
    ('4e000000-0000-4000-8000-000000000003', '5a000000-0000-4000-8000-000000000001', NULL, 3, '\xd3', true),
    ('4e000000-0000-4000-8000-000000000004', '5a000000-0000-4000-8000-000000000002', '\xb4', 4, '\xd4', true),
    ('4e000000-0000-4000-8000-000000000005', '5a000000-0000-4000-8000-000000000002', NULL, 40, NULL, true),
    ('4e000000-0000-4000-8000-000000000006', '5a000000-0000-4000-8000-000000000002', '\xb6', 6, '\xd6', false),
    ('4e000000-0000-4000-8000-000000000007', '5a000000-0000-4000-8000-000000000004', '\xb7', 0, NULL, false);
INSERT INTO members (space_id, chain_seq, prev_hash, entry_hash, payload, cursor) VALUES
    -- two from before cursors, one from after
    ('5a000000-0000-4000-8000-000000000002', 2, '\xe1', '\xe2', '\xa2a2a2', 0),
    ('5a000000-0000-4000-8000-000000000002', 1, NULL, '\xe1', '\xa1', 0),
    ('5a000000-0000-4000-8000-000000000002', 3, '\xe2', '\xe3', '', 7),
    ('5a000000-0000-4000-8000-000000000004', 1, NULL, '\xe4', '\xa4', 0);
INSERT INTO files (space_id, id, size, wrapped_dek, record_id, cursor, deleted) VALUES
    ('5a000000-0000-4000-8000-000000000002', 'f1000000-0000-4000-8000-000000000002', 20,
        decode(repeat('02', 44), 'hex'), '4e000000-0000-4000-8000-000000000006', 0, false),
    ('5a000000-0000-4000-8000-000000000002', 'f1000000-0000-4000-8000-000000000001', 10,
        decode(repeat('01', 44), 'hex'), '4e000000-0000-4000-8000-000000000006', 0, false),
    ('5a000000-0000-4000-8000-000000000002', 'f1000000-0000-4000-8000-000000000003', 30,
        decode(repeat('03', 44), 'hex'), '4e000000-0000-4000-8000-000000000006', 5, false),
    -- a tombstone
    ('5a000000-0000-4000-8000-000000000002', 'f1000000-0000-4000-8000-000000000004', 0,
        '', '4e000000-0000-4000-8000-000000000005', 40, true),
    ('5a000000-0000-4000-8000-000000000004', 'f1000000-0000-4000-8000-000000000005', 50,
        decode(repeat('05', 44), 'hex'), '4e000000-0000-4000-8000-000000000007', 0, false);
INSERT INTO revocations (space_id, ucan_cid) VALUES
    ('5a000000-0000-4000-8000-000000000002', 'cid');
INSERT INTO invitations (mailbox_id, payload, expires_at) VALUES
    (repeat('a', 64), '\x01', now() + interval '1 day');
INSERT INTO rate_limit_actions (action, actor_hash) VALUES
    ('invitation', repeat('b', 64)), ('invitation', repeat('b', 64));
INSERT INTO federation_signing_keys (kid, private_key, public_key, is_active, is_primary) VALUES
    ('sync.example#1', decode(repeat('11', 32), 'hex'), decode(repeat('12', 32), 'hex'), true, true),
    ('sync.example#0', decode(repeat('01', 32), 'hex'), decode(repeat('02', 32), 'hex'), false, false);

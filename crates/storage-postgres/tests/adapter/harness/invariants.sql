-- Rows that break an invariant of storage §5, each with the name of what it breaks.
SELECT 'P3: cursor out of range: record ' || r.id
FROM records r JOIN spaces s ON s.id = r.space_id WHERE r.cursor NOT BETWEEN 1 AND s.cursor
UNION ALL
SELECT 'P3: cursor out of range: member ' || m.chain_seq || ' of ' || m.space_id
FROM members m JOIN spaces s ON s.id = m.space_id WHERE m.cursor NOT BETWEEN 1 AND s.cursor
UNION ALL
SELECT 'P3: cursor out of range: file ' || f.id
FROM files f JOIN spaces s ON s.id = f.space_id WHERE f.cursor NOT BETWEEN 1 AND s.cursor
UNION ALL
SELECT 'P3: no row carries the cursor: space ' || s.id
FROM spaces s WHERE s.cursor > 0
AND NOT EXISTS (SELECT FROM records r WHERE r.space_id = s.id AND r.cursor = s.cursor)
AND NOT EXISTS (SELECT FROM members m WHERE m.space_id = s.id AND m.cursor = s.cursor)
AND NOT EXISTS (SELECT FROM files f WHERE f.space_id = s.id AND f.cursor = s.cursor)
UNION ALL
SELECT 'P5: a cursor of two mutations: ' || m.cursor || ' of ' || m.space_id
FROM members m
WHERE EXISTS (SELECT FROM records r WHERE r.space_id = m.space_id AND r.cursor = m.cursor)
OR EXISTS (SELECT FROM files f WHERE f.space_id = m.space_id AND f.cursor = m.cursor)
OR EXISTS (
    SELECT FROM members n WHERE n.space_id = m.space_id AND n.cursor = m.cursor AND n.chain_seq <> m.chain_seq)
UNION ALL
SELECT 'P6: membership log: entry ' || m.chain_seq || ' of ' || m.space_id
FROM (
    SELECT *, lag(entry_hash) OVER log AS before, row_number() OVER log AS place,
        lag(cursor, 1, 0::bigint) OVER log AS cursor_before
    FROM members WINDOW log AS (PARTITION BY space_id ORDER BY chain_seq)
) AS m
WHERE m.chain_seq <> m.place OR m.prev_hash IS DISTINCT FROM m.before OR m.entry_hash <> sha256(m.payload)
OR m.cursor <= m.cursor_before
UNION ALL
SELECT 'P6: version or size of the membership log: space ' || s.id
FROM spaces s,
    LATERAL (SELECT count(*), sum(length(payload) + 128) AS bytes FROM members m WHERE m.space_id = s.id) AS log
WHERE s.metadata_version <> log.count OR s.members_bytes <> coalesce(log.bytes, 0)
UNION ALL
SELECT 'P7: tombstone with content: record ' || id
FROM records WHERE deleted AND (blob IS NOT NULL OR wrapped_dek IS NOT NULL)
UNION ALL
SELECT 'P7: live record without a blob: record ' || id
FROM records WHERE NOT deleted AND blob IS NULL
UNION ALL
SELECT 'P7: tombstone with content: file ' || id
FROM files WHERE deleted AND (size <> 0 OR wrapped_dek <> '' OR object_key IS NOT NULL OR sha256 IS NOT NULL)
UNION ALL
SELECT 'P7: live file without a key: file ' || id
FROM files WHERE NOT deleted AND length(wrapped_dek) <> 44
UNION ALL
SELECT 'P8: live file of a dead record: file ' || f.id
FROM files f WHERE NOT f.deleted
AND NOT EXISTS (SELECT FROM records r WHERE r.space_id = f.space_id AND r.id = f.record_id AND NOT r.deleted)
UNION ALL
SELECT 'P13: epochs: space ' || id
FROM spaces WHERE min_key_generation > key_generation OR rewrap_epoch <> key_generation
UNION ALL
SELECT 'P14: old key although the rewrap has ended: record ' || r.id
FROM records r JOIN spaces s ON s.id = r.space_id
WHERE s.root_public_key IS NOT NULL AND s.rewrap_epoch IS NULL AND s.key_generation >= 2
AND NOT r.deleted AND length(r.wrapped_dek) = 44 AND substr(r.wrapped_dek, 1, 4) < int4send(s.key_generation)
UNION ALL
SELECT 'P14: old key although the rewrap has ended: file ' || f.id
FROM files f JOIN spaces s ON s.id = f.space_id
WHERE s.root_public_key IS NOT NULL AND s.rewrap_epoch IS NULL AND s.key_generation >= 2
AND NOT f.deleted AND length(f.wrapped_dek) = 44 AND substr(f.wrapped_dek, 1, 4) < int4send(s.key_generation)
UNION ALL
SELECT 'P21: object of a live file in the queue: file ' || f.id
FROM files f JOIN blob_uploads u ON u.space_id = f.space_id AND u.file_id = f.id
WHERE NOT f.deleted AND u.object_key = coalesce(f.object_key, 'spaces/' || f.space_id || '/files/' || f.id)
UNION ALL
SELECT 'P21: object of two files: ' || object_key
FROM files WHERE NOT deleted AND object_key IS NOT NULL GROUP BY object_key HAVING count(*) > 1
UNION ALL
SELECT 'P21: object twice in the queue: ' || object_key
FROM blob_uploads GROUP BY object_key HAVING count(*) > 1
UNION ALL
SELECT 'claimed object that may be committed: ' || object_key
FROM blob_uploads WHERE attempts > 0 AND NOT pending_delete
UNION ALL
SELECT 'key share of an epoch that is not due: space ' || k.space_id
FROM epoch_keys k JOIN spaces s ON s.id = k.space_id WHERE k.epoch > s.key_generation + 1
UNION ALL
SELECT 'P25: stored bytes: space ' || s.id
FROM spaces s
WHERE s.counted_cursor = s.cursor AND s.stored_bytes <> less_sync_count_1(s.id)
UNION ALL
SELECT 'P25: stored bytes of an owner: ' || encode(u.owner_hash, 'hex')
FROM owner_usage u
WHERE u.stored_bytes <> (SELECT coalesce(sum(s.stored_bytes), 0) FROM spaces s WHERE s.owner_hash = u.owner_hash)
UNION ALL
SELECT 'P25: owner without stored bytes: space ' || s.id
FROM spaces s WHERE s.owner_hash IS NOT NULL AND s.owner_hash NOT IN (SELECT owner_hash FROM owner_usage)
UNION ALL
SELECT 'P18: primary keys: ' || count(*)
FROM federation_signing_keys WHERE is_primary HAVING count(*) > 1 OR NOT bool_and(is_active)
UNION ALL
SELECT 'P19: root key: space ' || id
FROM spaces WHERE length(root_public_key) <> 33

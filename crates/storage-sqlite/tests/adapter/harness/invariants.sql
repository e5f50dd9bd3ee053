-- Rows that break an invariant of storage §5, each with the name of what it breaks.
SELECT 'P3: cursor out of range: record ' || hex(r.id)
FROM records r JOIN spaces s ON s.id = r.space_id WHERE r.cursor NOT BETWEEN 1 AND s.cursor
UNION ALL
SELECT 'P3: cursor out of range: entry ' || m.chain_seq || ' of space ' || hex(s.id)
FROM members m JOIN spaces s ON s.id = m.space_id WHERE m.cursor NOT BETWEEN 1 AND s.cursor
UNION ALL
SELECT 'P3: cursor out of range: file ' || hex(f.id)
FROM files f JOIN spaces s ON s.id = f.space_id WHERE f.cursor NOT BETWEEN 1 AND s.cursor
UNION ALL
SELECT 'P3: no row carries the cursor: space ' || hex(s.id)
FROM spaces s WHERE s.cursor > 0
AND NOT EXISTS (SELECT 1 FROM records r WHERE r.space_id = s.id AND r.cursor = s.cursor)
AND NOT EXISTS (SELECT 1 FROM members m WHERE m.space_id = s.id AND m.cursor = s.cursor)
AND NOT EXISTS (SELECT 1 FROM files f WHERE f.space_id = s.id AND f.cursor = s.cursor)
UNION ALL
SELECT 'P5: an entry shares its cursor: entry ' || m.chain_seq || ' of space ' || hex(m.space_id)
FROM members m
WHERE EXISTS (SELECT 1 FROM records r WHERE r.space_id = m.space_id AND r.cursor = m.cursor)
OR EXISTS (SELECT 1 FROM files f WHERE f.space_id = m.space_id AND f.cursor = m.cursor)
OR EXISTS (SELECT 1 FROM members n WHERE n.space_id = m.space_id AND n.cursor = m.cursor AND n.chain_seq <> m.chain_seq)
UNION ALL
SELECT 'P6: chain broken: entry ' || chain_seq || ' of space ' || hex(space_id)
FROM (
    SELECT space_id, chain_seq, prev_hash, cursor,
        row_number() OVER log AS place, lag(entry_hash) OVER log AS before, lag(cursor, 1, 0) OVER log AS cursor_before
    FROM members WINDOW log AS (PARTITION BY space_id ORDER BY chain_seq)
)
WHERE chain_seq <> place OR prev_hash IS NOT before OR cursor <= cursor_before
UNION ALL
SELECT 'P6: version or size of the log: space ' || hex(s.id)
FROM spaces s LEFT JOIN members m ON m.space_id = s.id
GROUP BY s.id
HAVING s.metadata_version <> count(m.chain_seq)
OR s.members_bytes <> coalesce(sum(length(m.payload) + 128), 0)
UNION ALL
SELECT 'P7: tombstone with content: record ' || hex(id)
FROM records WHERE deleted AND (blob IS NOT NULL OR wrapped_dek IS NOT NULL)
UNION ALL
SELECT 'P7: live record without a blob: record ' || hex(id)
FROM records WHERE NOT deleted AND blob IS NULL
UNION ALL
SELECT 'P7: tombstone with content: file ' || hex(id)
FROM files WHERE deleted AND (size <> 0 OR wrapped_dek <> x'' OR object_key IS NOT NULL OR sha256 IS NOT NULL)
UNION ALL
SELECT 'P7: live file without a key: file ' || hex(id)
FROM files WHERE NOT deleted AND length(wrapped_dek) <> 44
UNION ALL
SELECT 'P8: live file without a live owner: file ' || hex(f.id)
FROM files f WHERE NOT f.deleted
AND NOT EXISTS (SELECT 1 FROM records r WHERE r.space_id = f.space_id AND r.id = f.record_id AND NOT r.deleted)
UNION ALL
SELECT 'P13: epochs: space ' || hex(id)
FROM spaces WHERE min_key_generation > key_generation OR rewrap_epoch <> key_generation
UNION ALL
SELECT 'P14: old key although the rewrap has ended: record ' || hex(r.id)
FROM records r JOIN spaces s ON s.id = r.space_id
WHERE s.root_public_key IS NOT NULL AND s.rewrap_epoch IS NULL AND s.key_generation >= 2
AND NOT r.deleted AND length(r.wrapped_dek) = 44
AND hex(substr(r.wrapped_dek, 1, 4)) < printf('%08X', s.key_generation)
UNION ALL
SELECT 'P14: old key although the rewrap has ended: file ' || hex(f.id)
FROM files f JOIN spaces s ON s.id = f.space_id
WHERE s.root_public_key IS NOT NULL AND s.rewrap_epoch IS NULL AND s.key_generation >= 2
AND NOT f.deleted AND length(f.wrapped_dek) = 44
AND hex(substr(f.wrapped_dek, 1, 4)) < printf('%08X', s.key_generation)
UNION ALL
SELECT 'P21: object of a live file in the queue: file ' || hex(f.id)
FROM files f JOIN blob_uploads u ON u.space_id = f.space_id AND u.file_id = f.id
WHERE NOT f.deleted
AND (u.object_key = f.object_key OR f.object_key IS NULL AND u.object_key NOT LIKE '%.%')
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
SELECT 'key share of an epoch that is not due: space ' || hex(s.id)
FROM spaces s WHERE EXISTS (
    SELECT 1 FROM epoch_keys k WHERE k.space_id = s.id AND k.epoch > s.key_generation + 1
)
UNION ALL
SELECT 'P25: stored bytes: space ' || hex(s.id)
FROM spaces s
WHERE s.stored_bytes <> (
    SELECT coalesce(sum(128 + coalesce(length(r.blob), 0) + coalesce(length(r.wrapped_dek), 0)), 0)
    FROM records r WHERE r.space_id = s.id
) + (SELECT coalesce(sum(128 + f.size + length(f.wrapped_dek)), 0) FROM files f WHERE f.space_id = s.id)
UNION ALL
SELECT 'P25: stored bytes of an owner: ' || hex(u.owner_hash)
FROM owner_usage u
WHERE u.stored_bytes <> (SELECT coalesce(sum(s.stored_bytes), 0) FROM spaces s WHERE s.owner_hash = u.owner_hash)
UNION ALL
SELECT 'P25: owner without stored bytes: space ' || hex(s.id)
FROM spaces s WHERE s.owner_hash IS NOT NULL AND s.owner_hash NOT IN (SELECT owner_hash FROM owner_usage)
UNION ALL
SELECT 'row without a space: ' || name || ' of ' || hex(space_id)
FROM (
    SELECT 'record' AS name, space_id FROM records
    UNION ALL SELECT 'entry', space_id FROM members
    UNION ALL SELECT 'file', space_id FROM files
    UNION ALL SELECT 'revocation', space_id FROM revocations
    UNION ALL SELECT 'key share', space_id FROM epoch_keys
)
WHERE space_id NOT IN (SELECT id FROM spaces)

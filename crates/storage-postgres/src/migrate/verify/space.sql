-- Rows of the space $1 that break an invariant of storage §5: the name of what it breaks, and the id of the row.
SELECT 'P3: cursor out of range: record', r.id
FROM records r JOIN spaces s ON s.id = r.space_id WHERE s.id = $1 AND r.cursor NOT BETWEEN 1 AND s.cursor
UNION ALL
SELECT 'P3: cursor out of range: entry ' || m.chain_seq, NULL::uuid
FROM members m JOIN spaces s ON s.id = m.space_id WHERE s.id = $1 AND m.cursor NOT BETWEEN 1 AND s.cursor
UNION ALL
SELECT 'P3: cursor out of range: file', f.id
FROM files f JOIN spaces s ON s.id = f.space_id WHERE s.id = $1 AND f.cursor NOT BETWEEN 1 AND s.cursor
UNION ALL
-- A space without rows may have been moved by a restore jump.
SELECT 'P3: no row has the cursor of the space', NULL::uuid
FROM spaces s WHERE s.id = $1 AND s.cursor > 0
AND (
    EXISTS (SELECT FROM records r WHERE r.space_id = s.id)
    OR EXISTS (SELECT FROM members m WHERE m.space_id = s.id)
    OR EXISTS (SELECT FROM files f WHERE f.space_id = s.id)
)
AND NOT EXISTS (SELECT FROM records r WHERE r.space_id = s.id AND r.cursor = s.cursor)
AND NOT EXISTS (SELECT FROM members m WHERE m.space_id = s.id AND m.cursor = s.cursor)
AND NOT EXISTS (SELECT FROM files f WHERE f.space_id = s.id AND f.cursor = s.cursor)
UNION ALL
SELECT 'P5: shared cursor: entry ' || m.chain_seq, NULL::uuid
FROM members m WHERE m.space_id = $1 AND (
    EXISTS (SELECT FROM records r WHERE r.space_id = m.space_id AND r.cursor = m.cursor)
    OR EXISTS (SELECT FROM files f WHERE f.space_id = m.space_id AND f.cursor = m.cursor)
    OR EXISTS (
        SELECT FROM members n WHERE n.space_id = m.space_id AND n.cursor = m.cursor AND n.chain_seq <> m.chain_seq
    )
)
UNION ALL
SELECT 'P6: broken chain: entry ' || chain_seq, NULL::uuid
FROM (
    SELECT *, row_number() OVER log AS place, lag(entry_hash) OVER log AS before,
        lag(cursor, 1, 0::bigint) OVER log AS cursor_before
    FROM members WHERE space_id = $1 WINDOW log AS (ORDER BY chain_seq)
) AS m
WHERE chain_seq <> place OR prev_hash IS DISTINCT FROM before OR entry_hash <> sha256(payload)
OR cursor <= cursor_before
UNION ALL
SELECT 'P6: wrong version or size of the membership log', NULL::uuid
FROM spaces s,
    (SELECT count(*) AS entries, coalesce(sum(length(payload) + 128), 0) AS bytes FROM members WHERE space_id = $1) AS log
WHERE s.id = $1 AND (s.metadata_version <> entries OR s.members_bytes <> bytes)
UNION ALL
SELECT 'P7: tombstone with content: record', id
FROM records WHERE space_id = $1 AND deleted AND (blob IS NOT NULL OR wrapped_dek IS NOT NULL)
UNION ALL
SELECT 'P7: live without a blob: record', id
FROM records WHERE space_id = $1 AND NOT deleted AND blob IS NULL
UNION ALL
SELECT 'P7: tombstone with content: file', id
FROM files WHERE space_id = $1 AND deleted
AND (size <> 0 OR wrapped_dek <> '' OR object_key IS NOT NULL OR sha256 IS NOT NULL)
UNION ALL
SELECT 'P7: live without a key: file', id
FROM files WHERE space_id = $1 AND NOT deleted AND length(wrapped_dek) <> 44
UNION ALL
SELECT 'P8: live without a live owner: file', f.id
FROM files f WHERE f.space_id = $1 AND NOT f.deleted
AND NOT EXISTS (SELECT FROM records r WHERE r.space_id = f.space_id AND r.id = f.record_id AND NOT r.deleted)
UNION ALL
SELECT 'P13: epochs out of order', NULL::uuid
FROM spaces WHERE id = $1 AND (min_key_generation > key_generation OR rewrap_epoch <> key_generation)
UNION ALL
SELECT 'P14: old key although the rewrap has ended: record', r.id
FROM records r JOIN spaces s ON s.id = r.space_id
WHERE s.id = $1 AND s.root_public_key IS NOT NULL AND s.rewrap_epoch IS NULL AND s.key_generation >= 2
AND NOT r.deleted AND length(r.wrapped_dek) = 44
AND substr(r.wrapped_dek, 1, 4) < int4send(s.key_generation)
UNION ALL
SELECT 'P14: old key although the rewrap has ended: file', f.id
FROM files f JOIN spaces s ON s.id = f.space_id
WHERE s.id = $1 AND s.root_public_key IS NOT NULL AND s.rewrap_epoch IS NULL AND s.key_generation >= 2
AND NOT f.deleted AND length(f.wrapped_dek) = 44
AND substr(f.wrapped_dek, 1, 4) < int4send(s.key_generation)
UNION ALL
SELECT 'P19: root key of wrong length', NULL::uuid
FROM spaces WHERE id = $1 AND length(root_public_key) <> 33
UNION ALL
SELECT 'P21: object of a live file in the queue: file', f.id
FROM files f JOIN blob_uploads u ON u.space_id = f.space_id AND u.file_id = f.id
WHERE f.space_id = $1 AND NOT f.deleted
AND u.object_key = coalesce(f.object_key, 'spaces/' || f.space_id || '/files/' || f.id)
UNION ALL
SELECT 'P21: object of two files: ' || object_key, NULL::uuid
FROM files WHERE space_id = $1 AND NOT deleted AND object_key IS NOT NULL GROUP BY object_key HAVING count(*) > 1
UNION ALL
SELECT 'P21: object twice in the queue: ' || object_key, NULL::uuid
FROM blob_uploads WHERE space_id = $1 GROUP BY object_key HAVING count(*) > 1
UNION ALL
SELECT 'P21: claimed object that may be committed: ' || object_key, NULL::uuid
FROM blob_uploads WHERE space_id = $1 AND attempts > 0 AND NOT pending_delete
UNION ALL
-- Without the function that counts, which would see what other transactions commit meanwhile.
SELECT 'P25: stored bytes', NULL::uuid
FROM spaces s
WHERE s.id = $1 AND s.counted_cursor = s.cursor AND s.stored_bytes <> (
    SELECT coalesce(sum(128 + coalesce(octet_length(r.blob), 0) + CASE WHEN r.wrapped_dek IS NULL THEN 0 ELSE 44 END), 0)
    FROM records r WHERE r.space_id = s.id
) + (SELECT coalesce(sum(128 + f.size + octet_length(f.wrapped_dek)), 0) FROM files f WHERE f.space_id = s.id)
UNION ALL
SELECT DISTINCT 'key share of an epoch that is not due: epoch ' || k.epoch, NULL::uuid
FROM epoch_keys k JOIN spaces s ON s.id = k.space_id WHERE s.id = $1 AND k.epoch > s.key_generation + 1

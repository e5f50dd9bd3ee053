-- Rows that break an invariant of the whole database: the name of what it breaks, and the id of the space.
SELECT DISTINCT 'row without a space: ' || name, space_id
FROM (
    SELECT 'record' AS name, space_id FROM records
    UNION ALL SELECT 'entry', space_id FROM members
    UNION ALL SELECT 'file', space_id FROM files
    UNION ALL SELECT 'revocation', space_id FROM revocations
    UNION ALL SELECT 'key share', space_id FROM epoch_keys
)
WHERE space_id NOT IN (SELECT id FROM spaces)
UNION ALL
SELECT 'P21: object of files of two spaces: ' || object_key, min(space_id)
FROM files WHERE NOT deleted AND object_key IS NOT NULL GROUP BY object_key HAVING min(space_id) <> max(space_id)
UNION ALL
SELECT 'P21: object in the queue of two spaces: ' || object_key, min(space_id)
FROM blob_uploads GROUP BY object_key HAVING min(space_id) <> max(space_id)
UNION ALL
SELECT 'P25: stored bytes of the owner', min(s.id)
FROM spaces s LEFT JOIN owner_usage u ON u.owner_hash = s.owner_hash
WHERE s.owner_hash IS NOT NULL
GROUP BY s.owner_hash, u.stored_bytes
HAVING u.stored_bytes IS NULL OR u.stored_bytes <> sum(s.stored_bytes)

-- Rows that break an invariant of the whole database: the name of what it breaks, and the id of the space.
SELECT 'P18: primary keys: ' || count(*), NULL::uuid
FROM federation_signing_keys WHERE is_primary HAVING count(*) > 1 OR NOT bool_and(is_active)
UNION ALL
SELECT 'P21: object of files of two spaces: ' || object_key, (array_agg(space_id))[1]
FROM files WHERE NOT deleted AND object_key IS NOT NULL GROUP BY object_key HAVING count(DISTINCT space_id) > 1
UNION ALL
SELECT 'P21: object in the queue of two spaces: ' || object_key, (array_agg(space_id))[1]
FROM blob_uploads GROUP BY object_key HAVING count(DISTINCT space_id) > 1
UNION ALL
SELECT 'P25: stored bytes of the owner', (array_agg(s.id))[1]
FROM spaces s LEFT JOIN owner_usage u ON u.owner_hash = s.owner_hash
WHERE s.owner_hash IS NOT NULL
GROUP BY s.owner_hash, u.stored_bytes
HAVING u.stored_bytes IS NULL OR u.stored_bytes <> sum(s.stored_bytes)

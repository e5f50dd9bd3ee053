-- Rows that break an invariant of storage §5, each with the name of what it breaks.
SELECT 'P3: cursor out of range: record ' || hex(r.id)
FROM records r JOIN spaces s ON s.id = r.space_id WHERE r.cursor NOT BETWEEN 1 AND s.cursor
UNION ALL
SELECT 'P3: no row carries the cursor: space ' || hex(s.id)
FROM spaces s WHERE s.cursor > 0
AND NOT EXISTS (SELECT 1 FROM records r WHERE r.space_id = s.id AND r.cursor = s.cursor)
UNION ALL
SELECT 'P7: tombstone with content: record ' || hex(id)
FROM records WHERE deleted AND (blob IS NOT NULL OR wrapped_dek IS NOT NULL)
UNION ALL
SELECT 'P7: live record without a blob: record ' || hex(id)
FROM records WHERE NOT deleted AND blob IS NULL
UNION ALL
SELECT 'P13: epochs: space ' || hex(id)
FROM spaces WHERE min_key_generation > key_generation OR rewrap_epoch <> key_generation
UNION ALL
SELECT 'record without a space: ' || hex(r.id)
FROM records r WHERE NOT EXISTS (SELECT 1 FROM spaces s WHERE s.id = r.space_id)

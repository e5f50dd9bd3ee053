SELECT space.shared AS "shared!", space.revoked AS "revoked!", space.cursor AS "space_cursor!",
       space.key_generation AS "key_generation!", space.rewrap_epoch,
       page.place AS "place?", page.rank AS "rank?", page.id AS "id?", page.cursor AS "cursor?",
       page.deleted AS "deleted?", page.wrapped_dek AS "wrapped_dek?", page.content AS "content?",
       page.chain_seq AS "chain_seq?", page.prev_hash AS "prev_hash?", page.entry_hash AS "entry_hash?",
       page.size AS "size?", page.record_id AS "record_id?", page.more AS "more?"
FROM (
    SELECT cursor, key_generation, rewrap_epoch, root_public_key IS NOT NULL AS shared,
           CASE WHEN $3 > cursor THEN 0 ELSE $3 END AS since,
           EXISTS (SELECT FROM revocations WHERE space_id = $1 AND ucan_cid = ANY ($2)) AS revoked
    FROM spaces WHERE id = $1
) AS space
LEFT JOIN LATERAL (
    SELECT *
    FROM (
        SELECT *,
               row_number() OVER page AS place,
               sum(bytes) OVER page - bytes AS before,
               lead(true, 1, false) OVER page AS more
        FROM (
            (SELECT 0 AS rank, id, cursor, deleted, wrapped_dek, blob AS content,
                    NULL::integer AS chain_seq, NULL::bytea AS prev_hash, NULL::bytea AS entry_hash,
                    NULL::bigint AS size, NULL::uuid AS record_id, coalesce(octet_length(blob), 0) AS bytes
             FROM records
             WHERE space_id = $1 AND (cursor, id) > (space.since, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid)
             ORDER BY cursor, id LIMIT $4 + 1::bigint)
            UNION ALL
            (SELECT 1, NULL, cursor, false, NULL, payload, chain_seq, prev_hash, entry_hash, NULL, NULL,
                    octet_length(payload)
             FROM members
             WHERE space_id = $1 AND cursor > space.since
             ORDER BY cursor LIMIT $4 + 1::bigint)
            UNION ALL
            (SELECT 2, id, cursor, deleted, wrapped_dek, NULL, NULL, NULL, NULL, size, record_id, 0
             FROM files
             WHERE space_id = $1 AND (cursor, id) > (space.since, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid)
             ORDER BY cursor, id LIMIT $4 + 1::bigint)
        ) AS branches
        WINDOW page AS (ORDER BY cursor, rank, id ROWS UNBOUNDED PRECEDING)
    ) AS weighed
    WHERE place <= $4 AND before < $5
) AS page ON true

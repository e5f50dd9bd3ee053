SELECT rank AS "rank!", id, cursor AS "cursor!", deleted AS "deleted!", wrapped_dek, content,
       chain_seq, prev_hash, entry_hash, size, record_id, more AS "more!"
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
         WHERE space_id = $1 AND (cursor, id) > ($4, $5)
         ORDER BY cursor, id LIMIT $2 + 1::bigint)
        UNION ALL
        (SELECT 1, NULL, cursor, false, NULL, payload, chain_seq, prev_hash, entry_hash, NULL, NULL,
                octet_length(payload)
         FROM members
         WHERE space_id = $1 AND cursor > $6
         ORDER BY cursor LIMIT $2 + 1::bigint)
        UNION ALL
        (SELECT 2, id, cursor, deleted, wrapped_dek, NULL, NULL, NULL, NULL, size, record_id, 0
         FROM files
         WHERE space_id = $1 AND (cursor, id) > ($7, $8)
         ORDER BY cursor, id LIMIT $2 + 1::bigint)
    ) AS branches
    WINDOW page AS (ORDER BY cursor, rank, id ROWS UNBOUNDED PRECEDING)
) AS weighed
WHERE place <= $2 AND before < $3
ORDER BY cursor, rank, id

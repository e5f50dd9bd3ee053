-- Repairs rows that `unified cursor` hid from pulls (cursor 0) and data that deletions left behind.

-- Locks the affected spaces first: cursors are assigned below, and a concurrent writer would assign the same ones.
DO $$
BEGIN
    PERFORM FROM spaces
    WHERE EXISTS (SELECT FROM members WHERE members.space_id = spaces.id)
       OR EXISTS (SELECT FROM files WHERE files.space_id = spaces.id AND files.cursor = 0)
    ORDER BY id
    FOR NO KEY UPDATE;
END;
$$;

-- Members with cursor 0 get cursors above all cursors of the space, in the order of their chain.
UPDATE members SET cursor = spaces.cursor + hidden.position
FROM spaces, (
    SELECT space_id, chain_seq, row_number() OVER (PARTITION BY space_id ORDER BY chain_seq) AS position
    FROM members WHERE cursor = 0
) AS hidden
WHERE members.space_id = hidden.space_id AND members.chain_seq = hidden.chain_seq
  AND spaces.id = hidden.space_id;

UPDATE spaces SET cursor = latest.cursor
FROM (SELECT space_id, max(cursor) AS cursor FROM members GROUP BY space_id) AS latest
WHERE spaces.id = latest.space_id AND spaces.cursor < latest.cursor;

-- Files with cursor 0 come after the members.
UPDATE files SET cursor = spaces.cursor + hidden.position
FROM spaces, (
    SELECT space_id, id, row_number() OVER (PARTITION BY space_id ORDER BY id) AS position
    FROM files WHERE cursor = 0
) AS hidden
WHERE files.space_id = hidden.space_id AND files.id = hidden.id
  AND spaces.id = hidden.space_id;

UPDATE spaces SET cursor = latest.cursor
FROM (SELECT space_id, max(cursor) AS cursor FROM files GROUP BY space_id) AS latest
WHERE spaces.id = latest.space_id AND spaces.cursor < latest.cursor;

-- A tombstone keeps neither blob nor key.
UPDATE records SET blob = NULL, wrapped_dek = NULL
WHERE deleted AND (blob IS NOT NULL OR wrapped_dek IS NOT NULL);

-- Size of the membership log, as its cap counts it: payload and 128 bytes for each entry.
UPDATE spaces SET members_bytes = log.bytes
FROM (SELECT space_id, sum(length(payload) + 128) AS bytes FROM members GROUP BY space_id) AS log
WHERE spaces.id = log.space_id;

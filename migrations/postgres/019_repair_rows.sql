-- Mends what `unified cursor` hid and what deletions left behind.

-- Writers of these spaces wait: cursors are handed out below.
DO $$
BEGIN
    PERFORM FROM spaces
    WHERE EXISTS (SELECT FROM members WHERE members.space_id = spaces.id)
       OR EXISTS (SELECT FROM files WHERE files.space_id = spaces.id AND files.cursor = 0)
    ORDER BY id
    FOR NO KEY UPDATE;
END;
$$;

-- Members with cursor 0, in the order of their chain, above everything that the space has handed out.
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

-- Then files.
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

-- A tombstone keeps nothing of what it buries.
UPDATE records SET blob = NULL, wrapped_dek = NULL
WHERE deleted AND (blob IS NOT NULL OR wrapped_dek IS NOT NULL);

-- What an entry counts against the cap of the log: its payload and 128 bytes.
UPDATE spaces SET members_bytes = log.bytes
FROM (SELECT space_id, sum(length(payload) + 128) AS bytes FROM members GROUP BY space_id) AS log
WHERE spaces.id = log.space_id;

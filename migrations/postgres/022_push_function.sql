-- Pushes in one round trip (storage §3.6). The server calls these functions in autocommit: one statement is one
-- transaction.
--
-- The snapshot trap: under READ COMMITTED a statement that waits for a row lock goes on with its old snapshot for all
-- *other* rows, so "lock the space and read its records" in one statement can accept a stale push. A VOLATILE PL/pgSQL
-- function takes a fresh snapshot for each of its statements. The records are read by a later statement than the one
-- that locks the space, and so show everything that was committed before the lock was granted.
--
-- The names carry a version: a build calls the version that it knows, so old and new servers can share a database
-- during a rolling upgrade. A changed meaning or signature is a new function in a new migration.
--
-- Outcomes: 0 committed, 1 conflict, 2 no such space, 3 homed on another server, 4 epoch too old, 5 the last cursor
-- was used before, 6 the space is locked by somebody else (only without p_wait), 7 access of the wrong kind for the
-- space, 8 a token of the chain is revoked.
--
-- The planner settings: every statement finds its rows by key. A plan that was made and kept while the tables were
-- nearly empty must not scan them when they no longer are.

-- Replaces the live files of deleted records by tombstones, and marks their objects for deletion after a minute, so that
-- running downloads can finish (storage §3.6 step 12, §4.6). The caller has locked the spaces. Returns the files, and for
-- each the position of its record in the list.
CREATE FUNCTION less_sync_tombstone_files_1(
    p_spaces   uuid[],
    p_records  uuid[],
    p_cursors  bigint[],
    OUT files  uuid[],
    OUT dead   bigint[]
)
LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
AS $$
BEGIN
    INSERT INTO blob_uploads (space_id, upload_id, file_id, object_key, pending_delete, not_before)
    SELECT f.space_id, gen_random_uuid(), f.id,
           coalesce(f.object_key, 'spaces/' || f.space_id || '/files/' || f.id), true, now() + interval '60 seconds'
    FROM unnest(p_spaces, p_records) AS r (space_id, id)
    JOIN files f ON f.space_id = r.space_id AND f.record_id = r.id
    WHERE NOT f.deleted;

    IF FOUND THEN
        WITH tombstoned AS (
            UPDATE files f
            SET deleted = true, size = 0, wrapped_dek = '', object_key = NULL, sha256 = NULL, cursor = r.cursor
            FROM unnest(p_spaces, p_records, p_cursors) WITH ORDINALITY AS r (space_id, id, cursor, place)
            WHERE f.space_id = r.space_id AND f.record_id = r.id AND NOT f.deleted
            RETURNING f.id, r.place
        )
        SELECT array_agg(tombstoned.id), array_agg(tombstoned.place) INTO files, dead FROM tombstoned;
    END IF;
END
$$;

-- A push of one change: the rules of the batch below at a third of its cost, since nothing is an array.
CREATE FUNCTION less_sync_push_one_1(
    p_wait       boolean,  -- whether to wait for the lock of the space
    p_space      uuid,
    p_chain      text[],   -- the cids that open a shared space; NULL: none, as for a personal one
    p_oldest     bigint,   -- the oldest epoch that the push names; NULL: none
    p_id         uuid,
    p_expected   bigint,   -- 0: the record must not exist
    p_blob       bytea,    -- NULL: tombstone
    p_dek        bytea,
    OUT outcome         integer,
    OUT space_cursor    bigint,   -- afterwards
    OUT key_generation  integer,
    OUT rewrap_epoch    integer,
    OUT deleted_files   uuid[]
)
LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off
AS $$
DECLARE
    shared   boolean;
    remote   boolean;
    minimum  integer;
    stored   bigint;
    written  integer;
BEGIN
    IF p_wait THEN
        SELECT s.cursor, s.key_generation, s.rewrap_epoch,
               s.root_public_key IS NOT NULL, s.home_server IS NOT NULL, s.min_key_generation
        INTO space_cursor, key_generation, rewrap_epoch, shared, remote, minimum
        FROM spaces s WHERE s.id = p_space FOR NO KEY UPDATE;
    ELSE
        SELECT s.cursor, s.key_generation, s.rewrap_epoch,
               s.root_public_key IS NOT NULL, s.home_server IS NOT NULL, s.min_key_generation
        INTO space_cursor, key_generation, rewrap_epoch, shared, remote, minimum
        FROM spaces s WHERE s.id = p_space FOR NO KEY UPDATE SKIP LOCKED;
    END IF;
    IF NOT FOUND THEN
        outcome := CASE WHEN EXISTS (SELECT FROM spaces s WHERE s.id = p_space) THEN 6 ELSE 2 END;
        RETURN;
    ELSIF shared = (p_chain IS NULL) THEN
        outcome := 7;
        RETURN;
    ELSIF remote THEN
        outcome := 3;
        RETURN;
    END IF;

    -- Later statements than the lock: see the snapshot trap above.
    IF shared THEN
        IF EXISTS (SELECT FROM revocations r WHERE r.space_id = p_space AND r.ucan_cid = ANY (p_chain)) THEN
            outcome := 8;
            RETURN;
        ELSIF p_oldest < minimum THEN
            outcome := 4;
            RETURN;
        END IF;
    END IF;
    SELECT r.cursor INTO stored FROM records r WHERE r.space_id = p_space AND r.id = p_id;
    IF coalesce(stored, 0) <> p_expected THEN
        outcome := 1;
        RETURN;
    ELSIF space_cursor >= 9007199254740991 THEN
        outcome := 5;
        RETURN;
    END IF;
    outcome := 0;
    space_cursor := space_cursor + 1;

    IF p_expected = 0 THEN
        INSERT INTO records (space_id, id, cursor, deleted, wrapped_dek, blob)
        VALUES (p_space, p_id, space_cursor, p_blob IS NULL, p_dek, p_blob)
        ON CONFLICT (space_id, id) DO NOTHING;
    ELSE
        UPDATE records r SET cursor = space_cursor, deleted = p_blob IS NULL, wrapped_dek = p_dek, blob = p_blob
        WHERE r.space_id = p_space AND r.id = p_id AND r.cursor = p_expected;
    END IF;
    GET DIAGNOSTICS written = ROW_COUNT;
    IF written <> 1 THEN
        RAISE SQLSTATE '40001' USING MESSAGE = 'a record was written without the lock of its space';
    END IF;
    IF p_blob IS NULL THEN
        SELECT b.files INTO deleted_files
        FROM less_sync_tombstone_files_1(ARRAY[p_space], ARRAY[p_id], ARRAY[space_cursor]) AS b;
    END IF;
    UPDATE spaces s SET cursor = space_cursor, updated_at = now() WHERE s.id = p_space;
END
$$;

-- A batch of pushes, each all or nothing by itself, ordered by space and, within a space, by arrival. No record of a
-- space may occur twice. A refused push writes nothing and does not touch its neighbours.
CREATE FUNCTION less_sync_push_1(
    p_wait      boolean,    -- whether to wait for the locks of the spaces
    -- Per push:
    p_spaces    uuid[],
    p_shared    boolean[],  -- whether it comes with a chain
    p_oldest    bigint[],   -- the oldest epoch that the push names; NULL: none
    p_sizes     integer[],  -- changes of it
    p_updates   integer[],  -- those that expect a record
    -- Per cid of a chain:
    p_bearer    integer[],  -- its push, from 1
    p_cids      text[],
    -- Per change, push by push:
    p_push      integer[],  -- its push, from 1
    p_ids       uuid[],
    p_expected  bigint[],   -- 0: the record must not exist
    p_blobs     bytea[],    -- NULL: tombstone
    p_deks      bytea[],
    -- Per push:
    OUT outcomes         integer[],
    OUT space_cursors    bigint[],   -- after the push
    OUT key_generations  integer[],
    OUT rewrap_epochs    integer[],
    -- Changes, from 1, whose record is not where it is expected, ascending
    OUT mismatches       integer[],
    -- Per deleted file:
    OUT deleted_files    uuid[],
    OUT deleted_by       integer[]   -- the change that deleted its record, from 1
)
LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
AS $$
DECLARE
    pushes    CONSTANT integer := cardinality(p_spaces);
    spaces_by_id       refcursor;
    locked    record;
    place     integer := 1;        -- next push whose space is looked for
    space     uuid;                -- of the push before
    at        bigint;              -- cursor of that space so far
    last      integer := 0;        -- last change of a push
    mismatch  integer := 1;        -- next element of mismatches
    minimums  integer[];           -- oldest epoch that the space accepts; NULL: any
    revoked   integer[] := '{}';   -- pushes with a revoked cid
    moved     uuid[] := '{}';      -- spaces with a committed push,
    moved_to  bigint[] := '{}';    -- and their cursors
    creates   integer := 0;
    updates   integer := 0;
    written   integer;
BEGIN
    outcomes := array_fill(2, ARRAY[pushes]);
    space_cursors := array_fill(NULL::bigint, ARRAY[pushes]);
    key_generations := array_fill(NULL::integer, ARRAY[pushes]);
    rewrap_epochs := key_generations;
    minimums := key_generations;

    -- Ascending ids: two batches that wait never wait for each other.
    IF p_wait THEN
        OPEN spaces_by_id NO SCROLL FOR
            SELECT s.id, s.cursor, s.key_generation, s.min_key_generation, s.rewrap_epoch,
                   s.root_public_key IS NOT NULL AS shared, s.home_server IS NOT NULL AS remote
            FROM spaces s WHERE s.id = ANY (p_spaces) ORDER BY s.id FOR NO KEY UPDATE;
    ELSE
        OPEN spaces_by_id NO SCROLL FOR
            SELECT s.id, s.cursor, s.key_generation, s.min_key_generation, s.rewrap_epoch,
                   s.root_public_key IS NOT NULL AS shared, s.home_server IS NOT NULL AS remote
            FROM spaces s WHERE s.id = ANY (p_spaces) ORDER BY s.id FOR NO KEY UPDATE SKIP LOCKED;
    END IF;
    LOOP
        FETCH spaces_by_id INTO locked;
        EXIT WHEN NOT FOUND;
        WHILE p_spaces[place] < locked.id LOOP
            place := place + 1;
        END LOOP;
        WHILE p_spaces[place] = locked.id LOOP
            outcomes[place] := CASE WHEN locked.shared <> p_shared[place] THEN 7 WHEN locked.remote THEN 3 ELSE 0 END;
            space_cursors[place] := locked.cursor;
            key_generations[place] := locked.key_generation;
            rewrap_epochs[place] := locked.rewrap_epoch;
            minimums[place] := CASE WHEN locked.shared THEN locked.min_key_generation END;
            place := place + 1;
        END LOOP;
    END LOOP;
    CLOSE spaces_by_id;

    -- Later statements than the locks: see the snapshot trap above.
    IF cardinality(p_cids) > 0 THEN
        revoked := ARRAY (
            SELECT p_bearer[cid] FROM generate_series(1, cardinality(p_cids)) AS cid
            WHERE EXISTS (
                SELECT FROM revocations r WHERE r.space_id = p_spaces[p_bearer[cid]] AND r.ucan_cid = p_cids[cid]));
    END IF;
    mismatches := ARRAY (
        SELECT change
        FROM generate_series(1, cardinality(p_ids)) AS change
        WHERE p_expected[change] <> coalesce((
            SELECT r.cursor FROM records r WHERE r.space_id = p_spaces[p_push[change]] AND r.id = p_ids[change]), 0));

    FOR push IN 1..pushes LOOP
        IF p_spaces[push] IS DISTINCT FROM space THEN
            space := p_spaces[push];
            at := space_cursors[push];
        END IF;
        last := last + p_sizes[push];
        IF outcomes[push] = 2 THEN
            IF EXISTS (SELECT FROM spaces s WHERE s.id = space) THEN
                outcomes[push] := 6;
            END IF;
        ELSIF outcomes[push] = 0 THEN
            IF push = ANY (revoked) THEN
                outcomes[push] := 8;
            ELSIF p_oldest[push] < minimums[push] THEN
                outcomes[push] := 4;
            ELSIF mismatches[mismatch] <= last THEN
                outcomes[push] := 1;
            ELSIF at >= 9007199254740991 THEN
                outcomes[push] := 5;
            ELSE
                at := at + 1;
                creates := creates + p_sizes[push] - p_updates[push];
                updates := updates + p_updates[push];
                IF moved[cardinality(moved)] = space THEN
                    moved_to[cardinality(moved)] := at;
                ELSE
                    moved := moved || space;
                    moved_to := moved_to || at;
                END IF;
            END IF;
        END IF;
        space_cursors[push] := at;
        WHILE mismatches[mismatch] <= last LOOP
            mismatch := mismatch + 1;
        END LOOP;
    END LOOP;

    IF creates > 0 THEN
        INSERT INTO records (space_id, id, cursor, deleted, wrapped_dek, blob)
        SELECT p_spaces[p_push[change]], p_ids[change], space_cursors[p_push[change]],
               p_blobs[change] IS NULL, p_deks[change], p_blobs[change]
        FROM generate_series(1, cardinality(p_ids)) AS change
        WHERE p_expected[change] = 0 AND outcomes[p_push[change]] = 0
        ON CONFLICT (space_id, id) DO NOTHING;
        GET DIAGNOSTICS written = ROW_COUNT;
        IF written <> creates THEN
            RAISE SQLSTATE '40001' USING MESSAGE = 'records were created without the lock of their space';
        END IF;
    END IF;
    IF updates > 0 THEN
        UPDATE records r
        SET cursor = space_cursors[p_push[change]], deleted = p_blobs[change] IS NULL,
            wrapped_dek = p_deks[change], blob = p_blobs[change]
        FROM generate_series(1, cardinality(p_ids)) AS change
        WHERE p_expected[change] <> 0 AND outcomes[p_push[change]] = 0
          AND r.space_id = p_spaces[p_push[change]] AND r.id = p_ids[change] AND r.cursor = p_expected[change];
        GET DIAGNOSTICS written = ROW_COUNT;
        IF written <> updates THEN
            RAISE SQLSTATE '40001' USING MESSAGE = 'records were changed without the lock of their space';
        END IF;
    END IF;
    IF array_position(p_blobs, NULL) IS NOT NULL THEN
        SELECT b.files, ARRAY (SELECT dead.changes[record] FROM unnest(b.dead) AS record) INTO deleted_files, deleted_by
        FROM (
            SELECT array_agg(p_spaces[p_push[change]]) AS spaces, array_agg(p_ids[change]) AS ids,
                   array_agg(space_cursors[p_push[change]]) AS cursors, array_agg(change) AS changes
            FROM generate_series(1, cardinality(p_ids)) AS change
            WHERE p_blobs[change] IS NULL AND outcomes[p_push[change]] = 0
        ) AS dead, less_sync_tombstone_files_1(dead.spaces, dead.ids, dead.cursors) AS b;
    END IF;
    UPDATE spaces s SET cursor = m.cursor, updated_at = now()
    FROM unnest(moved, moved_to) AS m (id, cursor)
    WHERE s.id = m.id;
END
$$;

-- Stored bytes of spaces and of their owners, and the functions that count them (storage §3.20).
--
-- 128 bytes for each row of `records` and `files`, tombstones included; the blobs of live records; the sizes of live files; 44
-- bytes for each wrapped key of either.

SET LOCAL lock_timeout = '5s';

-- `counted_cursor` is the cursor at which `stored_bytes` was right. A server that does not count moves `cursor` alone, and the
-- next write of one that does counts the space anew.
ALTER TABLE spaces
    ADD COLUMN stored_bytes BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN counted_cursor BIGINT NOT NULL DEFAULT 0,
    -- Keyed hash of the user whose quota the space counts against. NULL: not recorded.
    ADD COLUMN owner_hash BYTEA;

-- Sum of the stored bytes of the spaces of each owner.
CREATE TABLE owner_usage (
    owner_hash   BYTEA  NOT NULL PRIMARY KEY CONSTRAINT owner_usage_owner_hash_check CHECK (length(owner_hash) = 32),
    stored_bytes BIGINT NOT NULL
);

-- The server removes no space; an operator may.
CREATE FUNCTION less_sync_disown_1() RETURNS trigger
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    UPDATE owner_usage u SET stored_bytes = u.stored_bytes - OLD.stored_bytes WHERE u.owner_hash = OLD.owner_hash;
    RETURN NULL;
END
$$;
CREATE TRIGGER spaces_disown AFTER DELETE ON spaces
FOR EACH ROW WHEN (OLD.owner_hash IS NOT NULL) EXECUTE FUNCTION less_sync_disown_1();

-- Order of locks: spaces by id, then rows of `owner_usage` by hash. Whoever holds a row of `owner_usage` waits for no space.

-- Counts the stored bytes of a space. The length of a value that is stored out of line is known without it.
CREATE FUNCTION less_sync_count_1(p_space uuid) RETURNS bigint
LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off
AS $$
DECLARE
    of_records bigint;
    of_files   bigint;
BEGIN
    SELECT coalesce(sum(128 + coalesce(octet_length(r.blob), 0) + CASE WHEN r.wrapped_dek IS NULL THEN 0 ELSE 44 END), 0)
    INTO of_records FROM records r WHERE r.space_id = p_space;
    SELECT coalesce(sum(128 + f.size + octet_length(f.wrapped_dek)), 0)
    INTO of_files FROM files f WHERE f.space_id = p_space;
    RETURN of_records + of_files;
END
$$;

-- Counts a space anew and stores the result; returns it. Locks the space, unless the caller has.
CREATE FUNCTION less_sync_recount_1(p_space uuid) RETURNS bigint
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    before bigint;
    owner  bytea;
    bytes  bigint;
BEGIN
    SELECT s.stored_bytes, s.owner_hash INTO before, owner FROM spaces s WHERE s.id = p_space FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    -- A later statement than the lock: see the snapshot trap of migration 22.
    bytes := less_sync_count_1(p_space);
    UPDATE spaces s SET stored_bytes = bytes, counted_cursor = s.cursor WHERE s.id = p_space;
    IF owner IS NOT NULL AND bytes <> before THEN
        UPDATE owner_usage u SET stored_bytes = u.stored_bytes + bytes - before WHERE u.owner_hash = owner;
    END IF;
    RETURN bytes;
END
$$;

-- Decides about a write that adds `p_growth` stored bytes to a space. The caller has locked the space. Locks the row of the
-- owner: nothing that was decided changes until the caller commits. Outcomes: 0 accepted, 9 beyond the quota of the space, 10
-- beyond that of its owner.
CREATE FUNCTION less_sync_admit_1(
    p_space     uuid,
    p_growth    bigint,
    p_max_space bigint,  -- NULL: unlimited
    p_max_user  bigint   -- NULL: unlimited
) RETURNS integer
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    bytes       bigint;
    counted     boolean;
    owner       bytea;
    owner_bytes bigint;
BEGIN
    SELECT s.stored_bytes, s.counted_cursor = s.cursor, s.owner_hash INTO bytes, counted, owner
    FROM spaces s WHERE s.id = p_space;
    IF NOT counted THEN
        bytes := less_sync_recount_1(p_space);
    END IF;
    IF owner IS NOT NULL THEN
        SELECT u.stored_bytes INTO owner_bytes FROM owner_usage u WHERE u.owner_hash = owner FOR NO KEY UPDATE;
    END IF;
    RETURN CASE
        WHEN p_growth <= 0 THEN 0
        WHEN bytes + p_growth > p_max_space THEN 9
        WHEN owner_bytes + p_growth > p_max_user THEN 10
        ELSE 0
    END;
END
$$;

-- Moves the cursor of a space and adds `p_growth` to its stored bytes and to those of its owner. The caller has locked the space.
-- A space that was not counted stays so.
CREATE FUNCTION less_sync_grow_1(p_space uuid, p_cursor bigint, p_growth bigint) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    owner bytea;
BEGIN
    UPDATE spaces s
    SET cursor = p_cursor, updated_at = now(), stored_bytes = s.stored_bytes + p_growth,
        counted_cursor = CASE WHEN s.counted_cursor = s.cursor THEN p_cursor ELSE s.counted_cursor END
    WHERE s.id = p_space
    RETURNING s.owner_hash INTO owner;
    IF owner IS NOT NULL AND p_growth <> 0 THEN
        UPDATE owner_usage u SET stored_bytes = u.stored_bytes + p_growth WHERE u.owner_hash = owner;
    END IF;
END
$$;

-- Records the owner of a space: from now on its bytes count for this one, and for no other.
CREATE FUNCTION less_sync_own_1(p_space uuid, p_owner bytea) RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
    bytes   bigint;
    counted boolean;
    old     bytea;
BEGIN
    SELECT s.stored_bytes, s.counted_cursor = s.cursor, s.owner_hash INTO bytes, counted, old
    FROM spaces s WHERE s.id = p_space FOR NO KEY UPDATE;
    IF NOT FOUND OR old = p_owner THEN
        RETURN;
    END IF;
    IF NOT counted THEN
        bytes := less_sync_recount_1(p_space);
    END IF;
    INSERT INTO owner_usage (owner_hash, stored_bytes) VALUES (p_owner, 0) ON CONFLICT (owner_hash) DO NOTHING;
    PERFORM FROM owner_usage u WHERE u.owner_hash IN (old, p_owner) ORDER BY u.owner_hash FOR NO KEY UPDATE;
    UPDATE owner_usage u
    SET stored_bytes = u.stored_bytes + CASE WHEN u.owner_hash = p_owner THEN bytes ELSE -bytes END
    WHERE u.owner_hash IN (old, p_owner);
    UPDATE spaces s SET owner_hash = p_owner WHERE s.id = p_space;
END
$$;

-- Pushes with quotas: as the functions of migration 22, whose comments hold. Outcomes beside those: 9 beyond the quota of the
-- space, 10 beyond that of its owner. Outcome 6, locked by somebody else, is also that of a space whose owner is locked, and of
-- one that has to be counted: both only without p_wait.

CREATE FUNCTION less_sync_push_one_2(
    p_wait       boolean,  -- whether to wait for locks, and to count
    p_max_space  bigint,   -- NULL: unlimited
    p_max_user   bigint,   -- NULL: unlimited
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
    shared      boolean;
    remote      boolean;
    minimum     integer;
    stored      bigint;
    replaced    bigint;   -- stored bytes of the record before
    written     integer;
    bytes       bigint;   -- stored bytes of the space
    counted     boolean;
    owner       bytea;
    owner_bytes bigint;
    growth      bigint;
    freed       bigint;
BEGIN
    IF p_wait THEN
        SELECT s.cursor, s.key_generation, s.rewrap_epoch, s.stored_bytes, s.counted_cursor = s.cursor, s.owner_hash,
               s.root_public_key IS NOT NULL, s.home_server IS NOT NULL, s.min_key_generation
        INTO space_cursor, key_generation, rewrap_epoch, bytes, counted, owner, shared, remote, minimum
        FROM spaces s WHERE s.id = p_space FOR NO KEY UPDATE;
    ELSE
        SELECT s.cursor, s.key_generation, s.rewrap_epoch, s.stored_bytes, s.counted_cursor = s.cursor, s.owner_hash,
               s.root_public_key IS NOT NULL, s.home_server IS NOT NULL, s.min_key_generation
        INTO space_cursor, key_generation, rewrap_epoch, bytes, counted, owner, shared, remote, minimum
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

    -- Later statements than the lock: see the snapshot trap.
    IF shared THEN
        IF EXISTS (SELECT FROM revocations r WHERE r.space_id = p_space AND r.ucan_cid = ANY (p_chain)) THEN
            outcome := 8;
            RETURN;
        ELSIF p_oldest < minimum THEN
            outcome := 4;
            RETURN;
        END IF;
    END IF;
    SELECT r.cursor, 128 + coalesce(octet_length(r.blob), 0) + CASE WHEN r.wrapped_dek IS NULL THEN 0 ELSE 44 END
    INTO stored, replaced FROM records r WHERE r.space_id = p_space AND r.id = p_id;
    IF coalesce(stored, 0) <> p_expected THEN
        outcome := 1;
        RETURN;
    ELSIF space_cursor >= 9007199254740991 THEN
        outcome := 5;
        RETURN;
    END IF;

    IF NOT counted THEN
        IF NOT p_wait THEN
            outcome := 6;
            RETURN;
        END IF;
        bytes := less_sync_recount_1(p_space);
    END IF;
    IF owner IS NOT NULL THEN
        IF p_wait THEN
            SELECT u.stored_bytes INTO owner_bytes FROM owner_usage u WHERE u.owner_hash = owner FOR NO KEY UPDATE;
        ELSE
            SELECT u.stored_bytes INTO owner_bytes FROM owner_usage u WHERE u.owner_hash = owner
            FOR NO KEY UPDATE SKIP LOCKED;
            IF NOT FOUND THEN
                outcome := 6;
                RETURN;
            END IF;
        END IF;
    END IF;
    growth := 128 + coalesce(octet_length(p_blob), 0) + coalesce(octet_length(p_dek), 0) - coalesce(replaced, 0);
    -- A comparison with a quota that is NULL is not true.
    IF growth > 0 THEN
        IF bytes + growth > p_max_space THEN
            outcome := 9;
            RETURN;
        ELSIF owner_bytes + growth > p_max_user THEN
            outcome := 10;
            RETURN;
        END IF;
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
    IF p_blob IS NULL AND p_expected <> 0 THEN
        SELECT coalesce(sum(f.size + octet_length(f.wrapped_dek)), 0) INTO freed
        FROM files f WHERE f.space_id = p_space AND f.record_id = p_id AND NOT f.deleted;
        growth := growth - freed;
        SELECT b.files INTO deleted_files
        FROM less_sync_tombstone_files_1(ARRAY[p_space], ARRAY[p_id], ARRAY[space_cursor]) AS b;
    END IF;
    UPDATE spaces s
    SET cursor = space_cursor, counted_cursor = space_cursor, stored_bytes = bytes + growth, updated_at = now()
    WHERE s.id = p_space;
    IF owner IS NOT NULL AND growth <> 0 THEN
        UPDATE owner_usage u SET stored_bytes = u.stored_bytes + growth WHERE u.owner_hash = owner;
    END IF;
END
$$;

CREATE FUNCTION less_sync_push_2(
    p_wait      boolean,    -- whether to wait for locks, and to count
    p_max_space bigint,     -- NULL: unlimited
    p_max_user  bigint,     -- NULL: unlimited
    -- Per push:
    p_spaces    uuid[],
    p_shared    boolean[],  -- whether it comes with a chain
    p_oldest    bigint[],   -- the oldest epoch that the push names; NULL: none
    p_sizes     integer[],  -- changes of it
    p_updates   integer[],  -- those that expect a record
    p_bytes     bigint[],   -- stored bytes of its records afterwards
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
    rows_by_id         refcursor;
    locked    record;
    place     integer := 1;        -- next push whose space is looked for
    space     uuid;                -- of the push before
    at        bigint;              -- cursor of that space so far
    bytes     bigint;              -- its stored bytes so far
    last      integer := 0;        -- last change of a push
    mismatch  integer := 1;        -- next element of mismatches
    minimums  integer[];           -- oldest epoch that the space accepts; NULL: any
    stored    bigint[];            -- stored bytes of the space before
    owners    bytea[];             -- owner of the space
    revoked   integer[] := '{}';   -- pushes with a revoked cid
    replaced  bigint[];            -- stored bytes, before the push, of the records and files that it changes
    growth    bigint;
    uncounted uuid[] := '{}';      -- spaces to count
    owner_ids   bytea[] := '{}';   -- locked owners,
    owner_bytes bigint[] := '{}';  -- and their stored bytes so far
    owner     integer;             -- place of the owner of a push among them
    moved     uuid[] := '{}';      -- spaces with a committed push,
    moved_to  bigint[] := '{}';    -- their cursors,
    grown_to  bigint[] := '{}';    -- and their stored bytes
    creates   integer := 0;
    updates   integer := 0;
    written   integer;
BEGIN
    outcomes := array_fill(2, ARRAY[pushes]);
    space_cursors := array_fill(NULL::bigint, ARRAY[pushes]);
    key_generations := array_fill(NULL::integer, ARRAY[pushes]);
    rewrap_epochs := key_generations;
    minimums := key_generations;
    stored := space_cursors;
    owners := array_fill(NULL::bytea, ARRAY[pushes]);

    -- Ascending ids: two batches that wait never wait for each other.
    IF p_wait THEN
        OPEN rows_by_id NO SCROLL FOR
            SELECT s.id, s.cursor, s.key_generation, s.min_key_generation, s.rewrap_epoch,
                   s.stored_bytes, s.counted_cursor = s.cursor AS counted, s.owner_hash,
                   s.root_public_key IS NOT NULL AS shared, s.home_server IS NOT NULL AS remote
            FROM spaces s WHERE s.id = ANY (p_spaces) ORDER BY s.id FOR NO KEY UPDATE;
    ELSE
        OPEN rows_by_id NO SCROLL FOR
            SELECT s.id, s.cursor, s.key_generation, s.min_key_generation, s.rewrap_epoch,
                   s.stored_bytes, s.counted_cursor = s.cursor AS counted, s.owner_hash,
                   s.root_public_key IS NOT NULL AS shared, s.home_server IS NOT NULL AS remote
            FROM spaces s WHERE s.id = ANY (p_spaces) ORDER BY s.id FOR NO KEY UPDATE SKIP LOCKED;
    END IF;
    LOOP
        FETCH rows_by_id INTO locked;
        EXIT WHEN NOT FOUND;
        WHILE p_spaces[place] < locked.id LOOP
            place := place + 1;
        END LOOP;
        IF NOT locked.counted THEN
            uncounted := uncounted || locked.id;
        END IF;
        WHILE p_spaces[place] = locked.id LOOP
            outcomes[place] := CASE
                WHEN locked.shared <> p_shared[place] THEN 7
                WHEN locked.remote THEN 3
                WHEN NOT locked.counted AND NOT p_wait THEN 6
                ELSE 0
            END;
            space_cursors[place] := locked.cursor;
            key_generations[place] := locked.key_generation;
            rewrap_epochs[place] := locked.rewrap_epoch;
            minimums[place] := CASE WHEN locked.shared THEN locked.min_key_generation END;
            stored[place] := locked.stored_bytes;
            owners[place] := locked.owner_hash;
            place := place + 1;
        END LOOP;
    END LOOP;
    CLOSE rows_by_id;

    -- Later statements than the locks: see the snapshot trap.
    IF p_wait THEN
        FOREACH space IN ARRAY uncounted LOOP
            bytes := less_sync_recount_1(space);
            FOR push IN 1..pushes LOOP
                IF p_spaces[push] = space THEN
                    stored[push] := bytes;
                END IF;
            END LOOP;
        END LOOP;
        space := NULL;
    END IF;
    IF cardinality(array_remove(owners, NULL)) > 0 THEN
        IF p_wait THEN
            OPEN rows_by_id NO SCROLL FOR
                SELECT u.owner_hash, u.stored_bytes FROM owner_usage u
                WHERE u.owner_hash = ANY (owners) ORDER BY u.owner_hash FOR NO KEY UPDATE;
        ELSE
            OPEN rows_by_id NO SCROLL FOR
                SELECT u.owner_hash, u.stored_bytes FROM owner_usage u
                WHERE u.owner_hash = ANY (owners) ORDER BY u.owner_hash FOR NO KEY UPDATE SKIP LOCKED;
        END IF;
        LOOP
            FETCH rows_by_id INTO locked;
            EXIT WHEN NOT FOUND;
            owner_ids := owner_ids || locked.owner_hash;
            owner_bytes := owner_bytes || locked.stored_bytes;
        END LOOP;
        CLOSE rows_by_id;
    END IF;
    IF cardinality(p_cids) > 0 THEN
        revoked := ARRAY (
            SELECT p_bearer[cid] FROM generate_series(1, cardinality(p_cids)) AS cid
            WHERE EXISTS (
                SELECT FROM revocations r WHERE r.space_id = p_spaces[p_bearer[cid]] AND r.ucan_cid = p_cids[cid]));
    END IF;
    WITH looked AS MATERIALIZED (
        SELECT change, p_push[change] AS push, p_expected[change] <> coalesce(r.cursor, 0) AS differs, r.bytes
        FROM generate_series(1, cardinality(p_ids)) AS change
        LEFT JOIN LATERAL (
            SELECT s.cursor, 128 + coalesce(octet_length(s.blob), 0) + CASE WHEN s.wrapped_dek IS NULL THEN 0 ELSE 44 END AS bytes
            FROM records s WHERE s.space_id = p_spaces[p_push[change]] AND s.id = p_ids[change]
        ) AS r ON true
    )
    SELECT ARRAY (SELECT l.change FROM looked l WHERE l.differs ORDER BY l.change),
           ARRAY (SELECT coalesce(sum(l.bytes), 0)::bigint FROM looked l GROUP BY l.push ORDER BY l.push)
    INTO mismatches, replaced;
    IF array_position(p_blobs, NULL) IS NOT NULL THEN
        FOR locked IN
            SELECT p_push[change] AS push, sum(f.size + octet_length(f.wrapped_dek))::bigint AS bytes
            FROM generate_series(1, cardinality(p_ids)) AS change
            JOIN files f ON f.space_id = p_spaces[p_push[change]] AND f.record_id = p_ids[change] AND NOT f.deleted
            WHERE p_blobs[change] IS NULL
            GROUP BY p_push[change]
        LOOP
            replaced[locked.push] := replaced[locked.push] + locked.bytes;
        END LOOP;
    END IF;

    FOR push IN 1..pushes LOOP
        IF p_spaces[push] IS DISTINCT FROM space THEN
            space := p_spaces[push];
            at := space_cursors[push];
            bytes := stored[push];
            owner := CASE WHEN owners[push] IS NOT NULL THEN array_position(owner_ids, owners[push]) END;
        END IF;
        last := last + p_sizes[push];
        IF outcomes[push] = 2 THEN
            IF EXISTS (SELECT FROM spaces s WHERE s.id = space) THEN
                outcomes[push] := 6;
            END IF;
        ELSIF outcomes[push] = 0 THEN
            growth := p_bytes[push] - replaced[push];
            IF push = ANY (revoked) THEN
                outcomes[push] := 8;
            ELSIF p_oldest[push] < minimums[push] THEN
                outcomes[push] := 4;
            ELSIF mismatches[mismatch] <= last THEN
                outcomes[push] := 1;
            ELSIF at >= 9007199254740991 THEN
                outcomes[push] := 5;
            ELSIF owners[push] IS NOT NULL AND owner IS NULL AND NOT p_wait THEN
                outcomes[push] := 6;
            -- A comparison with a quota that is NULL is not true.
            ELSIF growth > 0 AND bytes + growth > p_max_space THEN
                outcomes[push] := 9;
            ELSIF growth > 0 AND owner_bytes[owner] + growth > p_max_user THEN
                outcomes[push] := 10;
            ELSE
                at := at + 1;
                bytes := bytes + growth;
                IF owner IS NOT NULL THEN
                    owner_bytes[owner] := owner_bytes[owner] + growth;
                END IF;
                creates := creates + p_sizes[push] - p_updates[push];
                updates := updates + p_updates[push];
                IF moved[cardinality(moved)] = space THEN
                    moved_to[cardinality(moved)] := at;
                    grown_to[cardinality(moved)] := bytes;
                ELSE
                    moved := moved || space;
                    moved_to := moved_to || at;
                    grown_to := grown_to || bytes;
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
    UPDATE spaces s SET cursor = m.cursor, counted_cursor = m.cursor, stored_bytes = m.bytes, updated_at = now()
    FROM unnest(moved, moved_to, grown_to) AS m (id, cursor, bytes)
    WHERE s.id = m.id;
    IF cardinality(owner_ids) > 0 THEN
        UPDATE owner_usage u SET stored_bytes = o.bytes
        FROM unnest(owner_ids, owner_bytes) AS o (id, bytes)
        WHERE u.owner_hash = o.id AND u.stored_bytes <> o.bytes;
    END IF;
END
$$;

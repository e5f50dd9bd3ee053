-- no-transaction
-- Counts the stored bytes of the spaces that have rows already, one space per transaction: a writer waits for the count of its
-- own space at most. A run that was interrupted is continued. What older servers write meanwhile is counted by the next write.
DO $$
DECLARE
    space uuid;
BEGIN
    SELECT s.id INTO space FROM spaces s WHERE s.counted_cursor <> s.cursor ORDER BY s.id LIMIT 1;
    WHILE space IS NOT NULL LOOP
        -- A count that is lost in a crash is made again: it need not wait for the disk.
        SET LOCAL synchronous_commit = off;
        PERFORM less_sync_recount_1(space);
        COMMIT;
        SELECT s.id INTO space FROM spaces s WHERE s.counted_cursor <> s.cursor AND s.id > space ORDER BY s.id LIMIT 1;
    END LOOP;
END
$$;

-- no-transaction
-- Dates the rewraps that were pending before the column: they began before the last change of their space. One space per
-- transaction, so that no writer waits for more than one row. A run that was interrupted is continued.
DO $$
DECLARE
    space uuid;
BEGIN
    LOOP
        SELECT s.id INTO space FROM spaces s WHERE s.rewrap_epoch IS NOT NULL AND s.rewrap_since IS NULL LIMIT 1;
        EXIT WHEN space IS NULL;
        UPDATE spaces s SET rewrap_since = s.updated_at
        WHERE s.id = space AND s.rewrap_epoch IS NOT NULL AND s.rewrap_since IS NULL;
        COMMIT;
    END LOOP;
END
$$;

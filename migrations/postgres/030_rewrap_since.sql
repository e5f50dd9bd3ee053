-- Start of the pending rewrap of a space (storage §3.11).

SET LOCAL lock_timeout = '5s';

ALTER TABLE spaces ADD COLUMN rewrap_since TIMESTAMPTZ;

-- A trigger, so that the column is right whichever version of the server begins or ends a rewrap.
CREATE FUNCTION less_sync_rewrap_since_1() RETURNS trigger
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    NEW.rewrap_since := CASE WHEN NEW.rewrap_epoch IS NOT NULL THEN now() END;
    RETURN NEW;
END
$$;
CREATE TRIGGER spaces_rewrap_since BEFORE UPDATE OF rewrap_epoch ON spaces
FOR EACH ROW WHEN (OLD.rewrap_epoch IS DISTINCT FROM NEW.rewrap_epoch) EXECUTE FUNCTION less_sync_rewrap_since_1();

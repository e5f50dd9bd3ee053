-- loses data
DROP TABLE members, files, records, spaces;
DROP FUNCTION update_updated_at_column();

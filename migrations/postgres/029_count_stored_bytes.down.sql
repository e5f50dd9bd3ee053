-- The counts stay until their columns are dropped.
SELECT 1;

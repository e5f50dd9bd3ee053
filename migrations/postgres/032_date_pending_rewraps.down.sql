-- The times stay until their column is dropped.
SELECT 1;

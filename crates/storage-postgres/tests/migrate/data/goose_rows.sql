INSERT INTO spaces (id, client_id, cursor) VALUES
    ('5a000000-0000-4000-8000-000000000001', 'first generation', 0);

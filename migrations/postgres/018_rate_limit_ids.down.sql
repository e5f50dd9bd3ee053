SET LOCAL lock_timeout = '5s';

DROP INDEX idx_rate_limit_actions_created;
ALTER TABLE rate_limit_actions DROP COLUMN id;

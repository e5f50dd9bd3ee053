-- Ids of permits, so that one can be released; an index for purging old ones without a full scan.

SET LOCAL lock_timeout = '5s';

ALTER TABLE rate_limit_actions ADD COLUMN id UUID NOT NULL DEFAULT gen_random_uuid();
ALTER TABLE rate_limit_actions ADD CONSTRAINT rate_limit_actions_pkey PRIMARY KEY (actor_hash, id);
CREATE INDEX idx_rate_limit_actions_created ON rate_limit_actions (created_at);

-- Rate limits count actions in a window; what they counted is forgotten after it.

CREATE TABLE rate_limit_actions (
    action     VARCHAR(32) NOT NULL,
    actor_hash CHAR(64)    NOT NULL,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now()
);

CREATE INDEX idx_rate_limit_actions_lookup ON rate_limit_actions (action, actor_hash, created_at);

ALTER TABLE invitations DROP COLUMN rate_limit_hash;

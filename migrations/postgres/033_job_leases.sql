-- Runs of the jobs that one process of a deployment does for all (operations §4).

SET LOCAL lock_timeout = '5s';

CREATE TABLE job_leases (
    job          TEXT        NOT NULL PRIMARY KEY,
    holder       UUID,
    expires_at   TIMESTAMPTZ NOT NULL,
    due_at       TIMESTAMPTZ NOT NULL,
    succeeded_at TIMESTAMPTZ
);

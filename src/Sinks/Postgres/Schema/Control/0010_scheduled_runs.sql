-- Which tasks schedules made, and of whom: their ids hold a digest alone.
CREATE TABLE scheduled_runs (
    tenant       text COLLATE "C" NOT NULL,
    request_id   text COLLATE "C" NOT NULL,
    -- SHA-256 of the request's bytes, as its task has it: a task of this id that somebody else asked for is not this run's.
    digest       bytea NOT NULL,
    schedule     text COLLATE "C" NOT NULL,
    due_at       timestamptz NOT NULL,
    project_id   text COLLATE "C",
    user_id      text COLLATE "C",
    -- When a process last undertook to produce the request, and when the broker had it.
    claimed_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    produced_at  timestamptz,
    -- When its points were written to InfluxDB, or why there are none.
    points_at    timestamptz,
    points_fault text,
    PRIMARY KEY (tenant, request_id)
);
CREATE INDEX scheduled_runs_due_idx ON scheduled_runs (schedule, due_at);
CREATE INDEX scheduled_runs_user_idx ON scheduled_runs (tenant, user_id);
CREATE INDEX scheduled_runs_unproduced_idx ON scheduled_runs (claimed_at) WHERE produced_at IS NULL;
CREATE INDEX scheduled_runs_points_idx ON scheduled_runs (due_at) WHERE points_at IS NULL;
